"""Geometry of triangle meshes: normals, tangents, connected components.

Legend: V vertices, F triangles.
"""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_matrix, csr_matrix
from scipy.sparse.csgraph import connected_components

__all__ = ["components", "face_incidence", "rotation", "tangents", "thinned", "vertex_normals"]


def face_incidence(faces: np.ndarray, count: int) -> csr_matrix:
    """Make the matrix that sums face normals into vertex normals.

    Args:
        faces: F 3 int, vertices of the triangles.
        count: Vertices.

    Returns:
        count F, 1 where a face touches a vertex.
    """
    columns = np.repeat(np.arange(len(faces)), 3)
    ones = np.ones(faces.size, np.float32)
    return coo_matrix((ones, (faces.ravel(), columns)), shape=(count, len(faces))).tocsr()


def vertex_normals(vertices: np.ndarray, faces: np.ndarray, incidence: csr_matrix) -> np.ndarray:
    """Compute unit normals, the area-weighted mean of the touching faces'.

    Args:
        vertices: V 3.
        faces: F 3 int.
        incidence: V F, from ``face_incidence``.

    Returns:
        V 3 float32.
    """
    a, b, c = vertices[faces[:, 0]], vertices[faces[:, 1]], vertices[faces[:, 2]]
    normals: np.ndarray = incidence @ np.cross(b - a, c - a)
    unit: np.ndarray = normals / (np.linalg.norm(normals, axis=1, keepdims=True) + 1e-12)
    return unit.astype(np.float32)


def rotation(*, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0) -> np.ndarray:
    """Compute the rotation 3 3 that turns by yaw, then pitch, then roll, about the world's axes.

    Args:
        yaw: Radians; positive turns what looks ahead to the subject's left.
        pitch: Radians; positive turns it up.
        roll: Radians; positive tilts it to the subject's left.
    """
    cy, sy, cp, sp, cr, sr = (f(angle) for angle in (yaw, pitch, roll) for f in (np.cos, np.sin))
    about_z = np.array([[cy, -sy, 0], [sy, cy, 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, cp, sp], [0, -sp, cp]])
    about_y = np.array([[cr, 0, sr], [0, 1, 0], [-sr, 0, cr]])
    turned: np.ndarray = about_y @ about_x @ about_z
    return turned


def tangents(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find unit vectors along the skin, horizontally to the subject's left and down, from its normal (3)."""
    across = np.cross([0.0, 0.0, 1.0], normal)
    if np.linalg.norm(across) < 0.3:  # the skin lies flat, as under the chin
        across = np.array([1.0, 0.0, 0.0])
    across /= np.linalg.norm(across)
    down = np.cross(across, normal)
    return across, down * ((-1 if down[2] > 0.2 else 1) / np.linalg.norm(down))


def components(faces: np.ndarray, count: int) -> np.ndarray:
    """Number the connected components of a mesh.

    Args:
        faces: F 3 int.
        count: Vertices.

    Returns:
        count int, the component of each vertex.
    """
    edges = coo_matrix(
        (np.ones(2 * len(faces)), (np.r_[faces[:, 0], faces[:, 1]], np.r_[faces[:, 1], faces[:, 2]])),
        shape=(count, count),
    )
    return connected_components(edges, directed=False)[1]


def thinned(line: np.ndarray, x: np.ndarray, step: float) -> np.ndarray:
    """Keep of a line of vertices those at least a step from the one kept before.

    Args:
        line: Vertices, sorted by ``x``.
        x: V.
        step: In the unit of ``x``.
    """
    kept = [line[0]]
    for vertex in line[1:]:
        if x[vertex] - x[kept[-1]] >= step:
            kept.append(vertex)
    return np.array(kept)
