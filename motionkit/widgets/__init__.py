"""The slider panel: ``widget`` needs ``motionkit[notebook]``; what it shows is found without a widget."""
