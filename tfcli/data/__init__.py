"""Data of the user's own: files of pairs, and texts. Free of torch: `validate` reads them, too."""
