// Smooth noise in [0, 1], another for every person.

uniform float seed;

float hash(vec3 p) {
  p = fract(p * .3183099 + .1 + seed * .013);
  p *= 17.;
  return fract(p.x * p.y * p.z * (p.x + p.y + p.z));
}

// Between the four corners of a cell's floor (z = 0) or ceiling (z = 1).
float hash_between(vec3 corner, vec2 along, float z) {
  return mix(mix(hash(corner + vec3(0, 0, z)), hash(corner + vec3(1, 0, z)), along.x),
             mix(hash(corner + vec3(0, 1, z)), hash(corner + vec3(1, 1, z)), along.x), along.y);
}

float noise(vec3 x) {
  vec3 corner = floor(x), along = fract(x);
  along = along * along * (3. - 2. * along);
  return mix(hash_between(corner, along.xy, 0.), hash_between(corner, along.xy, 1.), along.z);
}
