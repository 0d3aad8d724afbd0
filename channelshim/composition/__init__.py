"""One app with everything around it, built from settings and served."""
