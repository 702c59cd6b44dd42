"""From a read at a reader to a grant that is carried out."""
