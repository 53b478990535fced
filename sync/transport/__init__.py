"""gRPC: links between nodes and the local API socket. The only package that imports grpc."""
