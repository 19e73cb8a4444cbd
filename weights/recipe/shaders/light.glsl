// How a painted surface looks under the lights. All colours are linear RGB.

struct Finish {
  vec3 colour;
  float gloss;      // strength of highlights
  float tightness;  // their exponent: higher is smaller
};

in vec3 position, normal, rest;
in float openness;
in vec4 in_light;
flat in int kind;

uniform vec3 camera;                                // its place, metres
uniform vec3 light_direction[3], light_colour[3];   // the first casts shadows
uniform vec3 sky, ground;
uniform float shade;                                // how dark shadows are, [0, 1]
uniform float rim;                                  // how strongly edges reflect the sky
uniform sampler2D shadow_map;

// Share of the first light that arrives here, over 3 × 3 places of the shadow map.
float arriving() {
  vec3 q = in_light.xyz / in_light.w * .5 + .5;
  float sum = 0.;
  for (int i = -1; i <= 1; i++)
    for (int j = -1; j <= 1; j++)
      sum += texture(shadow_map, q.xy + vec2(i, j) * .006).r + .004 < q.z ? 0. : 1.;
  return mix(1., sum / 9., shade);
}

// What a camera records, in [0, 1] with the usual gamma.
vec4 lit(int what, Finish finish, vec3 n) {
  bool skin = what == SKIN, hair = what == HAIR || what == HANGING_HAIR;
  vec3 strand = normalize(vec3(0., 0., -1.) + n * n.z + 1e-5);  // hair falls: along it a strand's highlight is a band
  vec3 to_camera = normalize(camera - position);
  vec3 diffuse = mix(ground, sky, n.z * .5 + .5) * mix(.45, 1., openness);
  vec3 shine = vec3(0.);
  for (int i = 0; i < 3; i++) {
    float c = dot(n, light_direction[i]), visible = i == 0 ? arriving() : 1.;
    // Light that enters the skin comes out a little way round the edge, and redder; so it does in shadow.
    vec3 soft = skin ? max(vec3(c + .30, c + .12, c + .08) / vec3(1.30, 1.12, 1.08), 0.) : vec3(max(c, 0.));
    diffuse += light_colour[i] * soft * mix(vec3(skin ? .18 : .05, .05, .05), vec3(1.), visible);
    vec3 halfway = normalize(light_direction[i] + to_camera);
    float along = dot(strand, halfway);
    float mirrored = hair ? sqrt(max(1. - along * along, 0.)) * smoothstep(-.1, .4, c) : max(dot(n, halfway), 0.);
    shine += light_colour[i] * pow(mirrored, finish.tightness) * finish.gloss * visible;
  }
  bool dull = what == INSIDE || what == LASHES;  // no sky shines into a mouth, and lashes are no surface
  float edge = dull ? 0. : pow(1. - max(dot(n, to_camera), 0.), 4.);
  vec3 rgb = finish.colour * diffuse + shine + edge * rim * sky * .25;
  rgb = rgb / (1. + .25 * rgb);  // a camera's shoulder
  return vec4(pow(clamp(rgb * 1.12, 0., 1.), vec3(1. / 2.2)), 1.);
}
