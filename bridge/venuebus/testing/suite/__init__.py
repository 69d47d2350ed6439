"""The tests of the conformance kit, one file per area; `venuebus.testing.VenueContract` is all of them."""
