// Shells of hair. A program of its own, since software rasterisers run every branch for every fragment.

uniform vec3 hair_colour;
uniform float strands, layer, hair_gloss;
out vec4 colour;

void main() {
  float strand = noise(vec3(atan(rest.x, -(rest.y + .03)) * strands * 2.2, rest.z * 30., layer * 5.));
  vec3 streaked = hair_colour * (.45 + .75 * strand + .35 * max(layer, 0.)) * (.8 + .4 * noise(rest * 40.));
  vec3 n = normalize(normal);
  colour = lit(kind, Finish(streaked, hair_gloss * (.4 + strand), 14.), gl_FrontFacing ? n : -n);
}
