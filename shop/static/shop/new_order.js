// The items of an order that staff enter; see admin/orders/new.html.
"use strict";
{
    const WAIT_MS = 200;
    const section = document.getElementById("new-order-items");
    const search = document.getElementById("product-search");
    const results = document.getElementById("product-results");
    const items = document.getElementById("order-items");
    const element = (name, attributes, text) => {
        const made = Object.assign(document.createElement(name), attributes);
        made.textContent = text ?? "";
        return made;
    };

    const add = (variant) => {
        const known = items.querySelector(`input[name=variant][value="${variant.id}"]`);
        if (known) {
            const quantity = known.parentElement.querySelector("input[name=quantity]");
            quantity.value = Number(quantity.value) + 1;
            return;
        }
        const row = document.createElement("li");
        const text = document.createElement("div");
        text.append(
            element("strong", {}, `${variant.name} `),
            element("span", { className: "shop-quiet" }, [variant.sku, variant.price, variant.available].filter(Boolean).join(", ")),
        );
        const quantity = element("input", { type: "number", name: "quantity", min: 1, value: 1, className: "shop-input shop-quantity" });
        quantity.setAttribute("aria-label", `Quantity of ${variant.name}`);
        const remove = element("button", { type: "button", className: "shop-button" }, "Remove");
        remove.dataset.remove = "";
        row.append(text, element("input", { type: "hidden", name: "variant", value: variant.id }), quantity, remove);
        items.append(row);
    };

    const show = (variants) => {
        results.replaceChildren(
            ...variants.map((variant) => {
                const row = document.createElement("li");
                const button = element("button", { type: "button", className: "shop-link" }, [variant.name, variant.sku, variant.price, variant.available].filter(Boolean).join(", "));
                button.addEventListener("click", () => {
                    add(variant);
                    results.replaceChildren();
                    search.value = "";
                    search.focus();
                });
                row.append(button);
                return row;
            }),
        );
        if (!variants.length && search.value.trim()) results.replaceChildren(element("li", { className: "shop-quiet" }, "Nothing found"));
    };

    let timer = 0;
    let asked = 0;
    const find = async () => {
        const number = ++asked;
        const reply = await fetch(`${section.dataset.url}?q=${encodeURIComponent(search.value)}`);
        const { variants } = reply.ok ? await reply.json() : { variants: [] };
        // A slower reply to an earlier text.
        if (number === asked) show(variants);
    };
    search.addEventListener("input", () => {
        clearTimeout(timer);
        timer = setTimeout(find, WAIT_MS);
    });
    search.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        // Instead of sending the form: the first result.
        event.preventDefault();
        results.querySelector("button")?.click();
    });
    items.addEventListener("click", (event) => {
        if (event.target.closest("[data-remove]")) event.target.closest("li").remove();
    });
    const separate = document.querySelector("input[name=separate]");
    separate.addEventListener("change", () => (document.getElementById("billing-address").hidden = !separate.checked));
}
