"""What the commands that need torch do. Each wires the parts and returns records."""
