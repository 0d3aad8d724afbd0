"""What google.appengine.ext lacks, or has without what it once could."""
