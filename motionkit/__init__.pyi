from .animation.moments import animate as animate
from .config.models import ModelConfig as ModelConfig
from .config.options import AnimateOptions as AnimateOptions
from .errors import MotionkitError as MotionkitError
from .model import FirstOrderModel as FirstOrderModel
from .model import Model as Model
from .model import load_model as load_model
from .motion.expressions import Expression as Expression
from .motion.expressions import Take as Take
from .motion.templates import MotionTemplate as MotionTemplate
from .motion.templates import load_template as load_template
from .motion.templates import save_template as save_template
from .pipeline.posing import pose_file as pose_file
from .pipeline.run import animate_file as animate_file
from .pipeline.run import extract as extract
from .structures import AnimationResult as AnimationResult
from .structures import Box as Box
from .structures import Generated as Generated
from .structures import Keypoints as Keypoints
from .structures import Progress as Progress
from .structures import VideoInfo as VideoInfo
from .trust.verification import Verification as Verification
from .trust.verification import verify as verify
from .widgets.panel import panel as panel
from .widgets.webcam import webcam as webcam

__version__: str
