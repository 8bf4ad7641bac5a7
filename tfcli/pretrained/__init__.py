"""Models that others have trained, read from a folder as Hugging Face saves it, as encoders of this house."""
