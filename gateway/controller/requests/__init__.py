"""What clients ask of the controller."""
