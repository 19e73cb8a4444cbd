// What is not there: gaps between strands of hair, and where hair and head-wear end. The same test for paint, shadow
// and motion. A smoothstep with swapped edges falls.

uniform float strands;  // strands of hair about the head
uniform float layer;    // height of this shell of hair in [0, 1]; -1 for what is no hair
uniform float hair_gaps, parting, parting_side, ears_free;
uniform float hairline_front, hairline_back, hairline_ragged, hairline_round, sideburn, hair_end;  // heights, metres
uniform float scarf, hat_line;

float about_head(vec3 r) { return atan(r.x, -(r.y + .03)); }

// Head-wear leaves the face free: above a line, or around an oval.
bool cut_headwear(vec3 r) {
  float oval = pow(r.x / .064, 2.) + pow((r.z - .628) / .088, 2.);
  return scarf > .5 ? (oval < 1. && r.y < .0) : r.z + .30 * (r.y + .09) < hat_line;
}

bool cut_hair(vec3 r, bool hanging) {
  float strand = noise(vec3(about_head(r) * strands, r.z * 9. + seed, layer * .9));
  bool gap = strand < layer * hair_gaps;  // strands thin out towards the outer shells
  if (hanging) return r.z < hair_end + .05 * (strand - .5) || gap;
  // Over the forehead, in front of the ears, behind them; it falls towards the temples.
  float front = smoothstep(.055, .095, -r.y), behind = smoothstep(-.018, .012, r.y);
  float single = noise(vec3(about_head(r) * strands * 6., r.z * 14., 5.)) - .5;  // hairs, where the strand ends
  float forehead = hairline_front + hairline_ragged * (strand - .5) - hairline_round * pow(r.x / .05, 2.);
  float line = mix(mix(sideburn, forehead, front), hairline_back, behind) + .007 * single;
  line += parting * .012 * exp(-pow((r.x - parting_side * .02) / .018, 2.)) * front;
  bool ear = abs(r.x) > .064 && pow((r.y + .026) / .034, 2.) + pow((r.z - .634) / .031, 2.) < 1.;
  return r.z < line || (ear && ears_free > .5) || gap;
}

bool cut(vec3 r, int kind) {
  if (kind == HEADWEAR) return cut_headwear(r);
  return (kind == HAIR || kind == HANGING_HAIR) && cut_hair(r, kind == HANGING_HAIR);
}
