"""Records -> what a terminal shows. Nothing here imports torch."""
