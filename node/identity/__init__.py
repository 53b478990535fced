"""Who a node is: keys, certificate chain, join, manifests. Import the submodule you need; this file imports nothing."""
