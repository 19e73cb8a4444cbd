from .label import SOURCE_TYPE as SOURCE_TYPE
from .label import container_metadata as container_metadata
from .label import label_frame as label_frame
