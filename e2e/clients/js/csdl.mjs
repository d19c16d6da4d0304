// Reads $metadata as OASIS' converter of CSDL does, and says what does not hold
// together: types that nothing declares, bases of another kind.
import { xml2json } from "odata-csdl";

export function mistakes(text) {
  const messages = [];
  const model = xml2json(Buffer.from(text), { strict: true, messages });
  const out = messages.map((m) => m.message);
  const spaces = Object.entries(model).filter(([name]) => !name.startsWith("$"));
  const declared = new Map(spaces.flatMap(([space, types]) => Object.entries(types).map(([name, t]) => [`${space}.${name}`, t])));
  const look = (where, type) => {
    if (type && !type.startsWith("Edm.") && !declared.has(type)) out.push(`${where} is of ${type}, which nothing declares`);
  };
  for (const [name, t] of declared) {
    if (t.$BaseType && declared.get(t.$BaseType)?.$Kind !== t.$Kind) out.push(`${name} is based on ${t.$BaseType}`);
    for (const [member, p] of Object.entries(t)) if (!member.startsWith("$") && typeof p === "object") look(`${name}/${member}`, p.$Type);
  }
  if (declared.get(model.$EntityContainer)?.$Kind !== "EntityContainer") out.push("there is no container");
  return [out, declared.size > 50, Object.keys(declared.get(model.$EntityContainer)).filter((k) => !k.startsWith("$")).sort()];
}
