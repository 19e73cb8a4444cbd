from .inspection import collage_files as collage_files
from .inspection import keypoint_files as keypoint_files
from .run import animate_file as animate_file
from .run import crop_clip as crop_clip
from .run import extract as extract
from .run import open_driving as open_driving
from .run import open_source as open_source
