"""How a description is judged: on images it was not made from, and beside simpler ones."""
