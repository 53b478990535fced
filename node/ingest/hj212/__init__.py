"""HJ 212-2017: environmental monitors report over TCP; frames, packets, readings, and how the door speaks to them."""
