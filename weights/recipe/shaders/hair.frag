// Shells of hair. A program of its own, since software rasterisers run every branch for every fragment.

uniform vec3 hair_colour;
uniform float strands, layer, hair_gloss;
out vec4 colour;

void main() {
  float about = atan(rest.x, -(rest.y + .03));
  float strand = noise(vec3(about * strands * 2.2, rest.z * 22., max(layer, 0.) * 2.));
  float fine = noise(vec3(about * strands * 9., rest.z * 40., 3.));
  float depth = .42 + .58 * smoothstep(-.1, .9, layer);  // less light reaches the roots
  vec3 streaked = hair_colour * (.35 + .8 * strand + .45 * fine) * depth * (.85 + .3 * noise(rest * 40.));
  vec3 n = normalize(normal);
  colour = lit(kind, Finish(streaked, hair_gloss * (.25 + .6 * strand + .6 * fine), 38.), gl_FrontFacing ? n : -n);
}
