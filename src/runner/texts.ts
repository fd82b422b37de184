import type { JsonObject } from "../types/index.ts";

/*
 * What the engine itself says to people. A pack's bundles override any of these by the same key; the bundle's exact locale and
 * language go before the built-in ones, built-in before the bundle's English.
 */
const EN = {
  "greentic.failed": "Sorry, something went wrong. Please try again later.",
  "greentic.no_flow": "Sorry, nothing is set up to answer here yet.",
  "greentic.no_access": "Sorry, you have no access to this here.",
  "greentic.pack_gone": "Sorry, this conversation was interrupted by an update. Please start again.",
  "greentic.qa.required": "Please answer this question.",
  "greentic.qa.string": "Please answer with text.",
  "greentic.qa.number": "Please answer with a number.",
  "greentic.qa.integer": "Please answer with a whole number.",
  "greentic.qa.boolean": "Please answer yes or no.",
  "greentic.qa.date": "I couldn't read that as a date. Try something like {example}.",
  "greentic.qa.choice": "Please choose one of: {choices}.",
  "greentic.qa.min_length": "That's too short: at least {min} characters, please.",
  "greentic.qa.max_length": "That's too long: at most {max} characters, please.",
  "greentic.qa.pattern": "That doesn't look right.",
  "greentic.qa.min": "Please choose {min} or more.",
  "greentic.qa.max": "Please choose {max} or less.",
  "greentic.qa.min_date": "Please choose {min} or later.",
  "greentic.qa.max_date": "Please choose {max} or earlier.",
  "greentic.yes": "Yes",
  "greentic.no": "No",
  "greentic.skip": "Skip",
  "greentic.elicit": "{tool} asks: {message}",
  "greentic.elicit.hint": 'Say "{decline}" to refuse, "{cancel}" to stop.',
  "greentic.done": "Done",
  "greentic.decline": "Decline",
  "greentic.approve": "Approve",
  "greentic.reject": "Reject",
  "greentic.approval.approved": "Thank you, it is approved.",
  "greentic.approval.rejected": "Thank you, it is rejected.",
  "greentic.approval.over": "This has been decided already, or its time is over.",
  "greentic.approval.not_yours": "You can't decide this.",
  "greentic.cancel": "Cancel",
  "greentic.oauth.connect": "Connect your {provider} account to go on.",
  "greentic.oauth.button": "Connect {provider}",
  "greentic.oauth.digits": "Write the six digits that your browser shows.",
  "greentic.oauth.wrong": "Those aren't the digits. Please look again.",
} as const;

/** Keys of the engine's own texts. */
export type TextKey = keyof typeof EN;

const ES: Readonly<Record<TextKey, string>> = {
  "greentic.failed": "Lo siento, algo ha salido mal. Inténtalo de nuevo más tarde.",
  "greentic.no_flow": "Lo siento, aquí todavía no hay nada preparado para responder.",
  "greentic.no_access": "Lo siento, aquí no tienes acceso a esto.",
  "greentic.pack_gone": "Lo siento, una actualización interrumpió esta conversación. Empieza de nuevo, por favor.",
  "greentic.qa.required": "Responde a esta pregunta, por favor.",
  "greentic.qa.string": "Responde con un texto, por favor.",
  "greentic.qa.number": "Responde con un número, por favor.",
  "greentic.qa.integer": "Responde con un número entero, por favor.",
  "greentic.qa.boolean": "Responde sí o no, por favor.",
  "greentic.qa.date": "No he podido leer esa fecha. Prueba con algo como {example}.",
  "greentic.qa.choice": "Elige una de estas opciones: {choices}.",
  "greentic.qa.min_length": "Es demasiado corto: al menos {min} caracteres, por favor.",
  "greentic.qa.max_length": "Es demasiado largo: como máximo {max} caracteres, por favor.",
  "greentic.qa.pattern": "Eso no parece correcto.",
  "greentic.qa.min": "Elige {min} o más, por favor.",
  "greentic.qa.max": "Elige {max} o menos, por favor.",
  "greentic.qa.min_date": "Elige el {min} o más tarde, por favor.",
  "greentic.qa.max_date": "Elige el {max} o antes, por favor.",
  "greentic.yes": "Sí",
  "greentic.no": "No",
  "greentic.skip": "Omitir",
  "greentic.elicit": "{tool} pregunta: {message}",
  "greentic.elicit.hint": "Di «{decline}» para negarte o «{cancel}» para parar.",
  "greentic.done": "Hecho",
  "greentic.decline": "Rechazar",
  "greentic.approve": "Aprobar",
  "greentic.reject": "Rechazar",
  "greentic.approval.approved": "Gracias, queda aprobado.",
  "greentic.approval.rejected": "Gracias, queda rechazado.",
  "greentic.approval.over": "Esto ya se ha decidido o su plazo ha terminado.",
  "greentic.approval.not_yours": "No puedes decidir esto.",
  "greentic.cancel": "Cancelar",
  "greentic.oauth.connect": "Conecta tu cuenta de {provider} para continuar.",
  "greentic.oauth.button": "Conectar {provider}",
  "greentic.oauth.digits": "Escribe los seis dígitos que muestra tu navegador.",
  "greentic.oauth.wrong": "Esos no son los dígitos. Míralos otra vez, por favor.",
};

const ID: Readonly<Record<TextKey, string>> = {
  "greentic.failed": "Maaf, terjadi kesalahan. Silakan coba lagi nanti.",
  "greentic.no_flow": "Maaf, belum ada yang disiapkan untuk menjawab di sini.",
  "greentic.no_access": "Maaf, Anda tidak memiliki akses ke ini di sini.",
  "greentic.pack_gone": "Maaf, percakapan ini terputus oleh pembaruan. Silakan mulai lagi.",
  "greentic.qa.required": "Mohon jawab pertanyaan ini.",
  "greentic.qa.string": "Mohon jawab dengan teks.",
  "greentic.qa.number": "Mohon jawab dengan angka.",
  "greentic.qa.integer": "Mohon jawab dengan bilangan bulat.",
  "greentic.qa.boolean": "Mohon jawab ya atau tidak.",
  "greentic.qa.date": "Saya tidak dapat membaca tanggal itu. Coba seperti {example}.",
  "greentic.qa.choice": "Mohon pilih salah satu: {choices}.",
  "greentic.qa.min_length": "Terlalu pendek: minimal {min} karakter.",
  "greentic.qa.max_length": "Terlalu panjang: maksimal {max} karakter.",
  "greentic.qa.pattern": "Sepertinya itu tidak benar.",
  "greentic.qa.min": "Mohon pilih {min} atau lebih.",
  "greentic.qa.max": "Mohon pilih {max} atau kurang.",
  "greentic.qa.min_date": "Mohon pilih {min} atau sesudahnya.",
  "greentic.qa.max_date": "Mohon pilih {max} atau sebelumnya.",
  "greentic.yes": "Ya",
  "greentic.no": "Tidak",
  "greentic.skip": "Lewati",
  "greentic.elicit": "{tool} bertanya: {message}",
  "greentic.elicit.hint": 'Katakan "{decline}" untuk menolak, "{cancel}" untuk berhenti.',
  "greentic.done": "Selesai",
  "greentic.decline": "Tolak",
  "greentic.approve": "Setujui",
  "greentic.reject": "Tolak",
  "greentic.approval.approved": "Terima kasih, sudah disetujui.",
  "greentic.approval.rejected": "Terima kasih, sudah ditolak.",
  "greentic.approval.over": "Ini sudah diputuskan atau waktunya sudah habis.",
  "greentic.approval.not_yours": "Anda tidak dapat memutuskan ini.",
  "greentic.cancel": "Batal",
  "greentic.oauth.connect": "Hubungkan akun {provider} Anda untuk melanjutkan.",
  "greentic.oauth.button": "Hubungkan {provider}",
  "greentic.oauth.digits": "Tulis enam angka yang ditampilkan peramban Anda.",
  "greentic.oauth.wrong": "Angkanya tidak cocok. Silakan lihat lagi.",
};

const JA: Readonly<Record<TextKey, string>> = {
  "greentic.failed": "申し訳ありません。問題が発生しました。しばらくしてからもう一度お試しください。",
  "greentic.no_flow": "申し訳ありません。ここで応答する準備がまだできていません。",
  "greentic.no_access": "申し訳ありません。ここではご利用いただけません。",
  "greentic.pack_gone": "申し訳ありません。更新によりこの会話は中断されました。最初からやり直してください。",
  "greentic.qa.required": "この質問にお答えください。",
  "greentic.qa.string": "文字でお答えください。",
  "greentic.qa.number": "数字でお答えください。",
  "greentic.qa.integer": "整数でお答えください。",
  "greentic.qa.boolean": "「はい」か「いいえ」でお答えください。",
  "greentic.qa.date": "日付として読み取れませんでした。{example} のように入力してください。",
  "greentic.qa.choice": "次の中からお選びください: {choices}",
  "greentic.qa.min_length": "短すぎます。{min} 文字以上で入力してください。",
  "greentic.qa.max_length": "長すぎます。{max} 文字以内で入力してください。",
  "greentic.qa.pattern": "形式が正しくないようです。",
  "greentic.qa.min": "{min} 以上をお選びください。",
  "greentic.qa.max": "{max} 以下をお選びください。",
  "greentic.qa.min_date": "{min} 以降をお選びください。",
  "greentic.qa.max_date": "{max} 以前をお選びください。",
  "greentic.yes": "はい",
  "greentic.no": "いいえ",
  "greentic.skip": "スキップ",
  "greentic.elicit": "{tool} からの質問: {message}",
  "greentic.elicit.hint": "断る場合は「{decline}」、やめる場合は「{cancel}」と入力してください。",
  "greentic.done": "完了",
  "greentic.decline": "断る",
  "greentic.approve": "承認",
  "greentic.reject": "却下",
  "greentic.approval.approved": "承認されました。ありがとうございます。",
  "greentic.approval.rejected": "却下されました。ありがとうございます。",
  "greentic.approval.over": "すでに決定済みか、期限が過ぎています。",
  "greentic.approval.not_yours": "この決定をする権限がありません。",
  "greentic.cancel": "キャンセル",
  "greentic.oauth.connect": "続けるには {provider} のアカウントを接続してください。",
  "greentic.oauth.button": "{provider} に接続",
  "greentic.oauth.digits": "ブラウザーに表示された6桁の数字を書いてください。",
  "greentic.oauth.wrong": "数字が違います。もう一度ご確認ください。",
};

const BUILT_IN: ReadonlyMap<string, Readonly<Record<TextKey, string>>> = new Map([
  ["en", EN],
  ["es", ES],
  ["id", ID],
  ["ja", JA],
]);

/** Gives the engine's own text in the locale's language, or in English. */
export function builtInText(locale: string, key: TextKey): string {
  return (BUILT_IN.get(languageOf(locale)) ?? EN)[key];
}

/** Tells whether a key is one of the engine's own and known in the locale's language. */
export function hasBuiltInText(locale: string, key: string): key is TextKey {
  return Object.hasOwn(EN, key) && BUILT_IN.has(languageOf(locale));
}

/** Tells whether a key is one of the engine's own. */
export function isTextKey(key: string): key is TextKey {
  return Object.hasOwn(EN, key);
}

/** The language of a locale: `es` of `es-MX`. */
export function languageOf(locale: string): string {
  const dash = locale.indexOf("-");
  return (dash < 0 ? locale : locale.slice(0, dash)).toLowerCase();
}

/** Fills `{name}` with arguments; what has no argument stays. */
export function fillText(text: string, args: JsonObject | undefined): string {
  if (args === undefined || !text.includes("{")) return text;
  return text.replaceAll(/\{\{?\s*([\w.-]+)\s*\}\}?/g, (whole, name: string) => {
    const value = Object.hasOwn(args, name) ? args[name] : undefined;
    if (value === undefined || value === null) return whole;
    return typeof value === "object" ? JSON.stringify(value) : String(value);
  });
}
