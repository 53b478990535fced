"""Looking at a camera: pictures of now for a person here, or at a node above under a grant; nothing of it is kept."""
