"""What a board, its header and its modules are: profiles as data, and the check of a site."""
