"""Algebra of 2 2 matrices, closed forms over any batch: inverse, real powers, bounded singular values.

Singular and mirrored matrices are ordinary input; none of these raises or gives NaN for finite input of ordinary size.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["bound_scales", "inverse", "power", "soft_bound"]

MIN_DETERMINANT = 1e-6  # of a Jacobian that can be inverted; also 1e-3 of its squared norm
MIN_CONDITION = 1e-3

# Where the matrix logarithm gives way to linear interpolation: from the second value (all logarithm) to the first.
LOG_CONDITION = (0.02, 0.1)  # 2·det/‖R‖²: 1 for a similarity, 0 for a singular matrix, below 0 for a mirrored one
LOG_HALF_TURN = (-0.95, -0.8)  # tr/(2·√det): the cosine of a rotation; -1 is half a turn, whose direction is unknown
MAX_LOG_SCALE = 14.0  # natural logarithm of the largest scale that a power may reach, so that nothing overflows

SCALE_KNEE, SCALE_BOUND = 1.5, 2.0  # singular values: untouched up to (and down to 1/), never beyond


def _determinant(matrix: Tensor) -> Tensor:
    """... 1 1 of ... 2 2."""
    return (matrix[..., 0, 0] * matrix[..., 1, 1] - matrix[..., 0, 1] * matrix[..., 1, 0])[..., None, None]


def inverse(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Inverse of ... 2 2 matrices.

    Args:
        matrix: ... 2 2.

    Returns:
        The inverses, zero where the matrix is singular (see ``MIN_DETERMINANT``), and ... 1 1 whether it is not.
    """
    determinant = _determinant(matrix)
    regular = determinant.abs() > MIN_DETERMINANT + MIN_CONDITION * matrix.square().sum((-2, -1), keepdim=True)
    trace = matrix.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None]
    adjugate = trace * torch.eye(2).to(matrix) - matrix
    return torch.where(regular, adjugate / torch.where(regular, determinant, 1), 0), regular


def power(change: Tensor, exponent: Tensor) -> tuple[Tensor, Tensor]:
    """Real powers of 2 2 matrices near the identity: exp(exponent · log(1 + change)).

    With δ = √det and M = R/δ = 1·cosθ + …, θ = acos(tr M / 2), the Cayley-Hamilton theorem gives
    M^s = 1·cos((s - ½)θ)/cos(θ/2) + (M - 1)·sin(sθ)/sinθ; hyperbolic functions where tr M > 2.

    Args:
        change: ... 2 2, the matrices R minus the identity.
        exponent: ... 1 1, s.

    Returns:
        The powers, ... 2 2, and how far to trust them, 0 to 1 (... 1 1).
    """
    identity = torch.eye(2).to(change)
    matrix = identity + change
    determinant = _determinant(matrix)
    squares = matrix.square().sum((-2, -1), keepdim=True)
    shape = 2 * determinant / squares.clamp(min=torch.finfo(squares.dtype).tiny)
    invertible = shape > LOG_CONDITION[0]
    matrix = torch.where(invertible, matrix, identity)
    scale = torch.where(invertible, determinant, 1).sqrt()
    unit = matrix / scale
    cosine = unit.diagonal(dim1=-2, dim2=-1).sum(-1)[..., None, None] / 2
    weight = _smoothstep(shape, *LOG_CONDITION) * _smoothstep(cosine, *LOG_HALF_TURN)
    turn, boost = cosine.clamp(LOG_HALF_TURN[0], 1).acos(), cosine.clamp(min=1).acosh()
    stretched = cosine > 1
    first = torch.where(
        stretched,
        ((exponent - 0.5) * boost).cosh() / (boost / 2).cosh(),
        ((exponent - 0.5) * turn).cos() / (turn / 2).cos(),
    )
    second = torch.where(stretched, (exponent * boost).sinh() / boost.sinh(), (exponent * turn).sin() / turn.sin())
    second = torch.where(cosine == 1, exponent, second)
    grown = (exponent * scale.log()).clamp(max=MAX_LOG_SCALE).exp()
    return grown * (first * identity + second * (unit - identity)), weight


def _smoothstep(x: Tensor, low: float, high: float) -> Tensor:
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)


def soft_bound(x: Tensor, knee: float, bound: float) -> Tensor:
    """Bend what lies beyond the knee towards the bound; value and slope are continuous at the knee.

    Args:
        x: Any shape, beyond the knee.
        knee: Where the bending begins.
        bound: What is approached and never passed; above the knee, or below it where x is.
    """
    return knee + (bound - knee) * ((x - knee) / (bound - knee)).tanh()


def bound_scales(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Bound the singular values of ... 2 2 matrices: untouched in [1/1.5, 1.5], softly kept in [1/2, 2].

    A matrix is the sum of a similarity [[e, -h], [h, e]] of norm q and a mirrored one [[f, g], [g, -f]] of norm p;
    its singular values are q + p and q - p, the second negative if it mirrors (and bounded from below all the same, so
    the result never does). New norms give new singular values.

    Args:
        matrix: ... 2 2.

    Returns:
        The bounded matrices, and ... 1 1 whether nothing had to be bounded.
    """
    quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]]).to(matrix)
    turned = quarter @ matrix @ quarter.T  # the similarity as it was, the mirrored part negated
    similar, mirrored = (matrix + turned) / 2, (matrix - turned) / 2
    q, p = (part[..., 0, :].norm(dim=-1)[..., None, None] for part in (similar, mirrored))
    larger, smaller = _bound_scale(q + p), _bound_scale(q - p)
    untouched = (larger == q + p) & (smaller == q - p)
    tiny = torch.finfo(matrix.dtype).tiny
    upright = torch.where(q > tiny, similar / q.clamp(min=tiny), torch.eye(2).to(matrix))
    bounded = upright * (larger + smaller) / 2 + mirrored / p.clamp(min=tiny) * (larger - smaller) / 2
    return bounded, untouched


def _bound_scale(scale: Tensor) -> Tensor:
    scale = torch.where(scale > SCALE_KNEE, soft_bound(scale, SCALE_KNEE, SCALE_BOUND), scale)
    return torch.where(scale < 1 / SCALE_KNEE, soft_bound(scale, 1 / SCALE_KNEE, 1 / SCALE_BOUND), scale)
