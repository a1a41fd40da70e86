"""Pages in the browser that show graphs and models: ``ppgen explore``."""
