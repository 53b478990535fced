"""This node as a device of an upper video platform after GB/T 28181: registered, alive, its directory asked for; no media."""
