// What is not there: gaps between strands of hair, and where hair and head-wear end. The same test for paint, shadow
// and motion. A smoothstep with swapped edges falls.

uniform float strands;  // strands of hair about the head
uniform float layer;    // height of this shell of hair in [0, 1]; -1 for what is no hair
uniform float hair_gaps, parting, parting_side, ears_free;
uniform float hairline_front, hairline_back, hairline_ragged, hair_end;  // heights, metres
uniform float scarf, hat_line;

float about_head(vec3 r) { return atan(r.x, -(r.y + .03)); }

// Head-wear leaves the face free: above a line, or around an oval.
bool cut_headwear(vec3 r) {
  float oval = pow(r.x / .064, 2.) + pow((r.z - .628) / .088, 2.);
  return scarf > .5 ? (oval < 1. && r.y < .0) : r.z + .30 * (r.y + .09) < hat_line;
}

bool cut_hair(vec3 r, bool hanging) {
  float strand = noise(vec3(about_head(r) * strands, r.z * 9. + seed, layer * 3.));
  bool gap = strand < layer * hair_gaps;  // strands thin out towards the outer shells
  if (hanging) return r.z < hair_end + .05 * (strand - .5) || gap;
  float front = smoothstep(.02, .07, -r.y - .03);
  float line = mix(hairline_back, hairline_front + hairline_ragged * (strand - .5), front);
  line += parting * .012 * exp(-pow((r.x - parting_side * .02) / .018, 2.)) * front;
  bool ear = abs(r.x) > .066 && r.z < .672 && r.z > .60 && r.y < .0 && r.y > -.062;
  return r.z < line || (ear && ears_free > .5) || gap;
}

bool cut(vec3 r, int kind) {
  if (kind == HEADWEAR) return cut_headwear(r);
  return (kind == HAIR || kind == HANGING_HAIR) && cut_hair(r, kind == HANGING_HAIR);
}
