// A vertex of anything that is drawn, for every program; what a fragment shader does not read, the linker drops.

in vec3 vertex;          // metres, posed
in vec3 vertex_normal;
in vec3 vertex_rest;     // template coordinates, metres
in vec3 vertex_surface;  // kind, detail, openness: see paint.py
in vec4 vertex_before;   // clip coordinates in the first frame

uniform mat4 world_to_clip, world_to_light;

out vec3 position, normal, rest;
out float detail, openness;
out vec4 in_light, before;
flat out int kind;
// Two programs must agree on depth to the last bit: what was not foremost in the first is not painted by the second.
invariant gl_Position;

void main() {
  gl_Position = world_to_clip * vec4(vertex, 1.);
  position = vertex;
  normal = vertex_normal;
  rest = vertex_rest;
  kind = int(vertex_surface.x);
  detail = vertex_surface.y;
  openness = vertex_surface.z;
  in_light = world_to_light * vec4(vertex, 1.);
  before = vertex_before;
}
