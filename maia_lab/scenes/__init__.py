"""A world of images that needs no download: drawn, edited, described and known exactly."""
