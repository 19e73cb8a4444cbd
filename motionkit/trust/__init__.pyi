from .label import SOURCE_TYPE as SOURCE_TYPE
from .label import container_metadata as container_metadata
from .label import label_frame as label_frame
from .watermark import FALSE_ALARM as FALSE_ALARM
from .watermark import WatermarkDetector as WatermarkDetector
from .watermark import WatermarkFinding as WatermarkFinding
from .watermark import find_watermark as find_watermark
from .watermark import mark_frame as mark_frame
