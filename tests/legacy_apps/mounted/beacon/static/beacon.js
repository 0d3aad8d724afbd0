function beacon() {}
