"""One declaration per object of the API."""
