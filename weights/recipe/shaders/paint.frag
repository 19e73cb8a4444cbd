// Everything but hair.

in float detail;  // teeth: place along the row in [-1, 1]; inside of the mouth: 1 on the tongue

uniform vec3 iris_colour, cloth_colour, stripe_colour, headwear_colour, frame_colour, lash_colour;
uniform vec3 eye_left, eye_right;  // centres of the eyeballs, template coordinates
uniform float skin_gloss, skin_tightness;
uniform float weave;               // frequency of stripes, 0 for none
uniform float neckline, neckline_slope;
out vec4 colour;

Finish skin_finish() {
  float nose = exp(-pow(length(rest.xz - vec2(0., .63)) / .03, 2.));
  return Finish(skin(rest), skin_gloss * (.7 + .6 * noise(rest * 250.) + .8 * nose), skin_tightness);
}

Finish eye_finish() {
  vec3 centre = rest.x > 0. ? eye_left : eye_right, d = normalize(rest - centre);
  float q = acos(clamp(-d.y, -1., 1.));  // radians from the middle of the pupil
  vec3 white = vec3(.70, .67, .65) * (1. - .35 * smoothstep(.55, 1.2, q)) * (.94 + .06 * noise(rest * 900.));
  white = mix(white, white * vec3(1., .8, .78), smoothstep(.6, 1.1, q) * .5);
  float rays = noise(vec3(atan(d.x, d.z) * 7., q * 8., 0.));
  vec3 iris = iris_colour * (.55 + .8 * rays) * (1. - .5 * smoothstep(.38, .5, q));
  vec3 ball = mix(white, iris, smoothstep(.53, .46, q));
  ball = mix(ball, vec3(.012), smoothstep(.21, .17, q));              // the pupil
  ball *= .55 + .45 * smoothstep(.0075, -.001, rest.z - centre.z);    // the upper lid's shadow
  return Finish(ball, 1.1, 90.);
}

Finish cloth_finish() {
  float stripe = weave > 0. ? step(.5, fract(rest.z * weave + .3 * sin(rest.x * weave))) : 0.;
  float threads = .75 + .5 * noise(rest * 160.) * noise(rest * 35.) * 1.6;
  return Finish(mix(cloth_colour, stripe_colour, stripe) * threads, .03, 6.);
}

Finish teeth_finish() {
  float gap = smoothstep(.0, .16, abs(fract(detail * 5. + .5) - .5));
  return Finish(vec3(.80, .77, .70) * (.78 + .22 * gap) * openness, .5, 40.);
}

Finish inside_finish() {
  return Finish(mix(vec3(.16, .035, .03), vec3(.34, .11, .10), detail) * openness, .25 * openness, 20.);
}

Finish headwear_finish() {
  float rib = .6 + .5 * step(.5, fract(rest.z * weave * 2.));
  return Finish(headwear_colour * (.7 + .6 * noise(rest * 260.) * rib), .02, 5.);
}

Finish finish_of(int what) {
  if (what == SKIN) return skin_finish();
  if (what == EYE) return eye_finish();
  if (what == CLOTH) return cloth_finish();
  if (what == TEETH) return teeth_finish();
  if (what == INSIDE) return inside_finish();
  if (what == LASHES) return Finish(lash_colour * (.7 + .6 * noise(rest * 900.)), 0., 1.);
  if (what == GLASSES) return Finish(frame_colour, .6, 40.);
  return headwear_finish();
}

void main() {
  float cloth_edge = neckline + neckline_slope * (abs(rest.x) - .03) + .004 * noise(rest * 60.);
  int what = kind == SKIN && rest.z < cloth_edge ? CLOTH : kind;
  colour = lit(what, finish_of(what), normalize(normal));
}
