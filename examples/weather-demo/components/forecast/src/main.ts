import { ToolFailure, toolRouter } from "@greentic/guest";
import { climateNormals } from "./climate-normals.ts";
import type { Forecast, ForecastQuery } from "./forecast.ts";
import { parseQuery } from "./forecast.ts";
import { ServiceFailure, forecastOf, placeOf } from "./open-meteo.ts";
import type { Place } from "./open-meteo.ts";

const INPUT = {
  type: "object",
  properties: {
    city: { type: "string", minLength: 1, maxLength: 100, description: "Name of a city, in any language" },
    date: {
      type: "string",
      pattern: "^(today|tomorrow|\\d{4}-\\d{2}-\\d{2})$",
      description: "today, tomorrow or YYYY-MM-DD, as the calendar of the city has it",
    },
    units: { enum: ["celsius", "fahrenheit"], default: "celsius" },
    locale: { type: "string", maxLength: 35, description: "BCP 47; language of the description" },
  },
  required: ["city", "date"],
  additionalProperties: false,
};

const OUTPUT = {
  type: "object",
  properties: {
    city: { type: "string" },
    country: { type: "string" },
    latitude: { type: "number" },
    longitude: { type: "number" },
    date: { type: "string" },
    min: { type: "number" },
    max: { type: "number" },
    units: { enum: ["celsius", "fahrenheit"] },
    precipitation_probability: { type: "number" },
    weather_code: { type: "integer", description: "WMO 4677" },
    description: { type: "string" },
    source: { enum: ["open-meteo", "climate-normals"] },
    note: { type: "string" },
  },
  required: [
    "city",
    "country",
    "latitude",
    "longitude",
    "date",
    "min",
    "max",
    "units",
    "weather_code",
    "description",
    "source",
  ],
};

export const router = toolRouter({
  name: "weather",
  title: "Weather",
  instructions: "Daily weather forecasts of cities.",
  tools: [
    {
      name: "forecast",
      title: "Weather forecast",
      description: "Gives the weather of a city for one day.",
      inputSchema: INPUT,
      outputSchema: OUTPUT,
      readOnly: true,
      call: (input) => {
        const structured = forecast(parseQuery(input));
        const { city, date, description, min, max, units } = structured;
        const degrees = units === "celsius" ? "°C" : "°F";
        return { text: `${city}, ${date}: ${description}, ${min} to ${max} ${degrees}`, structured };
      },
    },
  ],
});

/** Asks the forecast service, and the pack's climate normals where the service can't answer. */
function forecast(query: ForecastQuery): Forecast {
  let place: Place | undefined;
  try {
    place = placeOf(query);
    if (place !== undefined) return forecastOf(place, query);
  } catch (error) {
    if (!(error instanceof ServiceFailure)) throw error;
    const normals = climateNormals(query, place);
    if (normals !== undefined) return { ...normals, note: `${normals.note} (${error.message})` };
    throw new ToolFailure("not-found", `No forecast and no climate normals for ${JSON.stringify(query.city)}`);
  }
  throw new ToolFailure("not-found", `No city named ${JSON.stringify(query.city)}`);
}
