"""The page for trained models: latents, completions, drawing, classes, causes, bounds, runs."""
