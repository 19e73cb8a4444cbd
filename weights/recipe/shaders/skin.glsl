// Skin and what is on it, at a place r in template coordinates (metres): x = 0 halves the face, x here is |r.x|; the
// face's front has r.y < -.085, the lips meet at r.z = .5805. A smoothstep with swapped edges falls.

uniform vec3 skin_colour, lip_colour, brow_colour, hair_colour;
uniform float mottle, blush, freckles, eye_circles, wrinkles;
uniform float nostrils, nostril_lift, wings, lid_fold, lip_seam;
uniform float lid_makeup, lip_fullness;
uniform float brow_arch, brow_thickness, brow_density, brow_slant;
uniform float beard;

// 1 at distance 0, falling to 0 over a few times `width`.
float bell(float distance, float width) { return exp(-pow(distance / width, 2.)); }

vec3 complexion(vec3 r, float x) {
  float fine = noise(r * 700.), middle = noise(r * 180.), broad = noise(r * 45.);
  vec3 colour = skin_colour * (1. + mottle * (fine * .35 + middle * .35 + broad * .5 - .6));
  float cheek = bell(length(vec2(x - .038, r.z - .612)), .02), nose = bell(length(vec2(x, r.z - .612)), .012);
  colour *= mix(vec3(1.), vec3(1.06, .84, .82), blush * (cheek + .7 * nose));
  float sunny = bell(length(vec2(x - .02, r.z - .615)), .035);  // cheeks and nose
  colour *= mix(vec3(1.), vec3(.74, .62, .55), freckles * sunny * smoothstep(.60, .78, noise(r * 560.)));
  colour *= 1. - eye_circles * .35 * bell(r.z - .634 + .002 * cos(x * 90.), .0045)
                 * smoothstep(.05, .035, x) * smoothstep(.008, .016, x);
  return colour;
}

// Depth of wrinkles: three across the forehead, one from each wing of the nose, two between the brows.
float creases(vec3 r, float x) {
  float sum = 0.;
  for (int i = 0; i < 3; i++) {
    float wave = .003 * noise(vec3(r.x * 50., float(i), 1.));
    sum += bell(r.z - .694 - .011 * float(i) - wave, .0011) * smoothstep(.05, .02, x);
  }
  sum += bell(x - .021 - (.606 - r.z) * .32, .0016) * smoothstep(.572, .585, r.z) * smoothstep(.612, .602, r.z) * 1.3;
  sum += bell(x - .006, .001) * bell(r.z - .668, .006) * .8;
  return clamp(sum, 0., 1.);
}

// Share of light that is left where the mesh is smoother than faces are: nostrils, whose dark rims are the firmest mark
// of a nose seen from the front; grooves beside its wings; the fold above an upper lid; the line between closed lips.
float hollows(vec3 r, float x) {
  vec3 to_nostril = vec3(x, r.yz) - vec3(.0098, -.14, .6072 + nostril_lift);
  float hole = smoothstep(1.3, .5, length(to_nostril / vec3(.0042, .0075, .0028)));
  float groove = bell(length(vec2(x - .0182, r.y + .1295)), .002)
                 * smoothstep(.601, .605, r.z) * smoothstep(.616, .611, r.z);
  float fold = bell(r.z - .6578 + 8. * pow(x - .031, 2.), .0009) * smoothstep(.014, .02, x) * smoothstep(.048, .042, x);
  float seam = bell(r.z - .5805, .0009) * smoothstep(.0245, .021, x);
  float front = step(r.y, -.085), lips = step(r.y, -.112);
  float nose = (1. - nostrils * hole) * (1. - wings * groove);
  return nose * (1. - lid_fold * fold * front) * (1. - lip_seam * seam * lips);
}

// Two arched bands of hairs.
vec3 with_brows(vec3 colour, vec3 r, float x) {
  float along = (x - .009) / .042;
  float arch = .668 + brow_arch * .010 * sin(clamp(along, 0., 1.) * 2.6) - brow_slant * .006 * along;
  float reach = brow_thickness * .0042 * (1.15 - .75 * along);
  float hairs = noise(vec3(r.x * 900., r.z * 260. - x * 400., 3.));
  float band = smoothstep(reach, reach * .45, abs(r.z - arch))
               * smoothstep(-.05, .2, along) * smoothstep(1.08, .8, along);
  return mix(colour, brow_colour * (.6 + .7 * hairs), band * clamp(brow_density * (.35 + hairs), 0., 1.));
}

// Share of lip: two lobes about the line where they meet, the upper with a dip in the middle.
float lip_share(vec3 r, float x) {
  float lobe = clamp(1. - pow(x / .0245, 2.), 0., 1.);
  float top = .0088 * pow(lobe, .8) * (1. - .28 * bell(r.x, .0045) + .05) * lip_fullness;
  float bottom = .0115 * pow(lobe, .7) * lip_fullness, z = r.z - .5805;
  return smoothstep(top + .0012, top - .0012, z) * smoothstep(-bottom - .0016, -bottom + .0012, z)
         * smoothstep(0., .12, lobe);
}

vec3 with_beard(vec3 colour, vec3 r, float x, float lip) {
  float moustache = smoothstep(.588, .592, r.z) * smoothstep(.602, .597, r.z) * smoothstep(.027, .02, x);
  float cheek = smoothstep(.034, .05, x) * smoothstep(.64, .60, r.z);
  float chin = smoothstep(.566, .560, r.z) + smoothstep(.026, .034, x) * smoothstep(.6, .585, r.z);
  float region = clamp(max(max(chin, cheek), moustache), 0., 1.) * (1. - lip)
                 * smoothstep(.50, .53, r.z) * smoothstep(-.03, -.06, r.y);
  float grain = noise(vec3(r.xy * 800., r.z * 420.));
  return mix(colour, hair_colour * (.6 + .6 * grain), region * clamp(beard * (.25 + 1.3 * grain), 0., .95));
}

vec3 skin(vec3 r) {
  float x = abs(r.x), lip = lip_share(r, x);
  bool front = r.y < -.085;
  vec3 colour = complexion(r, x);
  colour *= 1. - wrinkles * .4 * creases(r, x);
  if (front) colour = with_brows(colour, r, x);
  if (r.y < -.112)
    colour = mix(colour, lip_colour * (.82 + .36 * noise(vec3(r.x * 700., r.z * 90., 7.))), lip * .9);
  float lid = lid_makeup * smoothstep(.012, .004, abs(r.z - .6575)) * smoothstep(.022, .012, abs(x - .03));
  colour = mix(colour, colour * vec3(.55, .45, .5), front ? lid : 0.);
  return with_beard(colour, r, x, lip) * hollows(r, x);
}
