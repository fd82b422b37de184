wit_bindgen::generate!({ path: "wit", world: "component" });

struct Component;

impl Guest for Component {
    /// Answers a text in capitals, as JSON: {"text":"HELLO"}.
    fn execute(input: Message) -> Outcome {
        let answer = serde_json::json!({ "text": input.content.to_uppercase() });
        Outcome { success: true, data: Some(answer.to_string()), error: None }
    }
}

export!(Component);
