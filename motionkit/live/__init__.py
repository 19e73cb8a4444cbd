"""The webcam: ``widget`` needs ``motionkit[notebook]``; ``session`` and ``clip`` do without."""
