from .clips import crop_clip as crop_clip
from .driving import open_driving as open_driving
from .inspection import collage_files as collage_files
from .inspection import keypoint_files as keypoint_files
from .run import animate_file as animate_file
from .run import extract as extract
from .subject import open_source as open_source
