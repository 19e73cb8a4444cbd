"""What a notebook shows and moves: the slider panel and the webcam; both need ``motionkit[notebook]``."""
