// Which surface is seen here, and where it was in the first frame.

in vec3 rest;
in vec4 before;
flat in int kind;
layout(location = 0) out vec4 place;  // (x, y) there in [-1, 1]; its area there, of its area here; 1 for a surface
layout(location = 1) out vec4 piece;  // template coordinates, metres; kind + 1

void main() {
  if (cut(rest, kind)) discard;
  vec2 was = before.xy / before.w;
  mat2 squeeze = mat2(dFdx(was), dFdy(was));
  place = vec4(was, abs(determinant(squeeze)), 1.);
  piece = vec4(rest, float(kind) + 1.);
}
