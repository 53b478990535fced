"""The node's side of algorithms: who may sign a package, where packages lie, how they travel between nodes."""
