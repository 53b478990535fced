"""What people at the box ask of pictures: a look at one camera, a rule tried on a clip, a measurement of the box."""
