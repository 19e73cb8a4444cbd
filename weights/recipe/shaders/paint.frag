// Everything but hair.

in float detail;  // teeth: place along the row in [-1, 1]; inside of the mouth: 1 on the tongue

uniform vec3 iris_colour, cloth_colour, stripe_colour, headwear_colour, frame_colour, lash_colour;
uniform vec3 eye_left, eye_right;  // centres of the eyeballs, template coordinates
uniform float skin_gloss, skin_tightness;
uniform float weave;               // frequency of stripes, 0 for none
uniform float neckline, neckline_slope;
uniform float iris_size, pupil_size;  // radians; share of the iris
uniform vec3 teeth_colour, gum_colour, tongue_colour;
uniform float teeth_in_row, teeth_gap, teeth_edge, gum_line, mouth_light;
out vec4 colour;

Finish skin_finish() {
  float nose = exp(-pow(length(rest.xz - vec2(0., .63)) / .03, 2.));
  return Finish(skin(rest), skin_gloss * (.7 + .6 * noise(rest * 250.) + .8 * nose), skin_tightness);
}

Finish eye_finish() {
  vec3 centre = rest.x > 0. ? eye_left : eye_right, d = normalize(rest - centre);
  float q = acos(clamp(-d.y, -1., 1.));  // radians from the middle of the pupil
  vec3 white = vec3(.74, .71, .69) * (1. - .45 * smoothstep(.55, 1.15, q)) * (.95 + .05 * noise(rest * 900.));
  white = mix(white, white * vec3(1., .8, .78), smoothstep(.6, 1.1, q) * .5);
  float rays = noise(vec3(atan(d.x, d.z) * 7., q * 8., 0.));
  float ring = iris_size, hole = iris_size * pupil_size;
  vec3 iris = iris_colour * (.6 + .8 * rays) * (1. - .65 * smoothstep(ring * .72, ring, q));
  iris *= 1. + .9 * smoothstep(.1, -.3, d.z) * smoothstep(ring, hole, q);  // light gathers opposite to where it enters
  vec3 ball = mix(white, iris, smoothstep(ring + .03, ring - .03, q));
  ball = mix(ball, vec3(.008), smoothstep(hole + .02, hole - .02, q));
  ball *= .55 + .45 * smoothstep(.0075, -.001, rest.z - centre.z);    // the upper lid's shadow
  return Finish(ball, q < ring ? 3. : 1., q < ring ? 260. : 90.);  // the window in an eye
}

Finish cloth_finish() {
  float stripe = weave > 0. ? step(.5, fract(rest.z * weave + .3 * sin(rest.x * weave))) : 0.;
  float threads = .75 + .5 * noise(rest * 160.) * noise(rest * 35.) * 1.6;
  return Finish(mix(cloth_colour, stripe_colour, stripe) * threads, .03, 6.);
}

// Two rows of rounded teeth, each with its gum behind a scalloped line; see parts.teeth for their heights.
Finish teeth_finish() {
  bool upper = rest.z > .5800;
  float place = detail * teeth_in_row, across = fract(place + .5) - .5;  // a tooth is 1 wide
  float height = upper ? (rest.z - teeth_edge) / .011 : (.5788 - rest.z) / .010;  // 0 at the edge, 1 at the gum
  float own = noise(vec3(floor(place + .5) * 7., upper ? 1. : 5., 2.));
  float beside = smoothstep(.5, .5 - .05 - .1 * teeth_gap, abs(across) + .06 * smoothstep(.35, .0, height));
  float edge = smoothstep(-.04, .06, height - .16 * own * teeth_gap - .35 * pow(abs(across) * 1.6, 3.));
  float gum = smoothstep(-.05, .05, height - (gum_line - .22 * (1. - 4. * across * across)));
  vec3 tooth = teeth_colour * (.93 + .12 * own) * mix(1., .86, height) * mix(vec3(.30, .16, .13), vec3(1.), beside);
  vec3 colour = mix(tooth, gum_colour * (.8 + .4 * noise(rest * 500.)), gum);
  return Finish(mix(vec3(.05, .012, .010), colour * openness, max(edge, .05)), mix(.5, .35, gum) * edge, 40.);
}

Finish inside_finish() {
  vec3 tongue = tongue_colour * (.75 + .5 * noise(rest * 420.)) * (1. - .35 * exp(-pow(rest.x / .0022, 2.)));
  float light = openness * mouth_light * mix(1., 2.2, detail);
  return Finish(mix(tongue_colour * vec3(.52, .33, .32), tongue, detail) * light, .3 * light, 24.);
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
  float above = rest.z - cloth_edge;
  int what = kind == SKIN && above < 0. ? CLOTH : kind;
  Finish finish = finish_of(what);
  if (kind == SKIN) {  // cloth lies on the skin: a seam, and its shadow
    finish.colour *= 1. - .55 * exp(-pow(above / .0045, 2.)) * step(0., above);
    finish.colour *= 1. - .3 * smoothstep(-.0055, -.0045, above) * smoothstep(-.0035, -.0045, above);
  }
  colour = lit(what, finish, normalize(normal));
}
