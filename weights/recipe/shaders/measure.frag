// Where what is seen here was in the first frame: (x, y, depth) there in [-1, 1], and 1 where there is a surface.

in vec3 rest;
in vec4 before;
flat in int kind;
out vec4 place;

void main() {
  if (cut(rest, kind)) discard;
  place = vec4(before.xyz / before.w, 1.);
}
