"""Run folders, and what they tell without torch."""
