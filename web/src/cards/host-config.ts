/**
 * How Adaptive Cards look here. Colours are the page's own custom properties, which the renderer copies into styles as they are,
 * so one configuration serves the light and the dark scheme and follows a change at once.
 */
export const hostConfig = {
  fontFamily: "inherit",
  supportsInteractivity: true,
  fontSizes: { small: 13, default: 16, medium: 17, large: 19, extraLarge: 23 },
  fontWeights: { lighter: 400, default: 400, bolder: 650 },
  spacing: { small: 4, default: 8, medium: 16, large: 24, extraLarge: 32, padding: 16 },
  separator: { lineThickness: 1, lineColor: "var(--line)" },
  imageSizes: { small: 40, medium: 80, large: 160 },
  containerStyles: {
    default: container("transparent", "line"),
    emphasis: container("var(--surface)", "edge"),
    accent: container("var(--accent-soft)", "accent"),
    good: container("var(--good-soft)", "good"),
    attention: container("var(--danger-soft)", "danger"),
    warning: container("var(--warning-soft)", "warning"),
  },
  actions: {
    // The renderer leaves out what is more; a row of many wraps.
    maxActions: 100,
    spacing: "medium",
    buttonSpacing: 8,
    showCard: { actionMode: "inline", inlineTopMargin: 16, style: "emphasis" },
    actionsOrientation: "horizontal",
    actionAlignment: "left",
    allowTitleToWrap: true,
    iconPlacement: "leftOfTitle",
    iconSize: 16,
  },
  adaptiveCard: { allowCustomStyle: true },
  imageSet: { imageSize: "medium", maxImageHeight: 100 },
  factSet: {
    title: { color: "default", size: "default", isSubtle: true, weight: "default", wrap: true, maxWidth: 160 },
    value: { color: "default", size: "default", isSubtle: false, weight: "default", wrap: true },
    spacing: 16,
  },
  inputs: {
    label: {
      requiredInputs: { weight: "bolder", size: "default", suffix: " *", suffixColor: "attention" },
      optionalInputs: { weight: "bolder", size: "default" },
    },
    errorMessage: { color: "attention", size: "small", spacing: "small", weight: "default" },
  },
  textBlock: { headingLevel: 3 },
  media: { allowInlinePlayback: true },
} as const;

/** The border is that of a table in this style. */
function container(backgroundColor: string, border: string): object {
  const colour = (name: string): object => ({
    default: `var(--${name})`,
    subtle: name === "text" ? "var(--muted)" : `var(--${name})`,
    highlightColors: { default: "var(--accent-soft)", subtle: "var(--accent-soft)" },
  });
  return {
    backgroundColor,
    borderColor: `var(--${border})`,
    foregroundColors: {
      default: colour("text"),
      dark: colour("text"),
      light: colour("muted"),
      accent: colour("accent"),
      good: colour("good"),
      warning: colour("warning"),
      attention: colour("danger"),
    },
  };
}
