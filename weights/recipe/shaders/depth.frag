// Depth alone: the shadow map, and what is foremost in the picture.

in vec3 rest;
flat in int kind;

void main() {
  if (cut(rest, kind)) discard;
}
