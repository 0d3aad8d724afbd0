"""What an app imports that Google's SDK lacks, by Google's dotted paths."""
