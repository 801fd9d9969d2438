"""What makes and changes images of no known scene."""
