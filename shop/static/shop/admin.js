// Scripts of the admin, whose content security policy forbids inline scripts.
"use strict";
{
    // Replace broken pictures by the placeholder.
    document.addEventListener(
        "error",
        ({ target }) => {
            if (target.matches?.("img.shop-picture")) {
                const placeholder = document.createElement("span");
                placeholder.className = "shop-picture shop-no-picture material-symbols-outlined";
                placeholder.textContent = "image";
                placeholder.ariaHidden = "true";
                target.replaceWith(placeholder);
            }
        },
        true,
    );

    // Dragged rows also move by arrow keys.
    const ROW = ".form-group.original";

    const move = (handle, key) => {
        const row = handle.closest(ROW);
        const other = key === "ArrowUp" ? row.previousElementSibling : row.nextElementSibling;
        if (!other?.matches(ROW)) {
            return;
        }
        key === "ArrowUp" ? other.before(row) : other.after(row);
        sortRecords({ from: row.parentElement }); // unfold's: numbers the rows
        handle.focus();
    };

    const makeMovable = (table) => {
        for (const handle of table.querySelectorAll(`${ROW} [x-sort\\:handle]`)) {
            handle.tabIndex = 0;
            handle.role = "button";
            handle.ariaLabel = "Move this row: drag it, or press the up or down arrow";
            handle.title = "Drag, or use the arrow keys";
            handle.addEventListener("keydown", (event) => {
                if (event.key === "ArrowUp" || event.key === "ArrowDown") {
                    event.preventDefault();
                    move(handle, event.key);
                }
            });
        }
        // unfold warns of unsaved changes after an input event.
        new MutationObserver(() => {
            table.querySelector("input")?.dispatchEvent(new Event("input", { bubbles: true }));
        }).observe(table, { childList: true });
    };

    // Label table cells by their column, search boxes by their placeholder.
    const nameInputs = (root) => {
        for (const input of root.querySelectorAll("input:not([type=hidden]), select, textarea")) {
            if (!input.labels?.length && !input.ariaLabel) {
                input.ariaLabel = input.closest("td[data-label]")?.dataset.label || input.placeholder || null;
            }
        }
    };

    // select2 labels its box by the chosen value, which is empty at first.
    const nameSelects = () => {
        for (const shown of document.querySelectorAll(".select2-selection__rendered:not([aria-label])")) {
            const select = shown.closest(".select2")?.previousElementSibling;
            const label = select?.labels?.[0]?.innerText.trim() || select?.ariaLabel;
            shown.ariaLabel = [label || "Choose", shown.title].filter(Boolean).join(": ");
        }
        for (const search of document.querySelectorAll(".select2-search__field:not([aria-label])")) {
            search.ariaLabel = "Search";
        }
    };

    // An icon is a word in an icon font, such as "add": hide it from screen readers unless it is the only label.
    const ICON_LABELS = {
        add: "Add",
        computer: "Theme",
        dark_mode: "Theme",
        dock_to_right: "Show or hide the menu",
        light_mode: "Theme",
        more_horiz: "More actions",
    };

    const nameIcon = (icon) => {
        const text = icon.textContent.trim();
        const owner = icon.closest("a, button, [role=button]");
        if (owner && !owner.ariaLabel && !owner.title && owner.textContent.trim() === text) {
            owner.ariaLabel = ICON_LABELS[text] ?? text.replaceAll("_", " ");
        }
        if (icon.role !== "button") {
            icon.ariaHidden = "true";
        }
    };

    // Let the keyboard use unfold's links without href, and its clickable spans and headings.
    const NATIVE = "a[href], button, input, select, textarea, label, summary";
    let lastToggle = null;

    const isVisible = (element) => element?.checkVisibility({ visibilityProperty: true }) ?? false;

    // Alpine shows elements later; hidden ones cannot be focused.
    const focusWhenVisible = (find, tries = 100) => {
        const element = find();
        if (isVisible(element)) {
            element.focus();
        } else if (tries) {
            setTimeout(() => focusWhenVisible(find, tries - 1), 20);
        }
    };

    // Next to the button, or at the end of the page.
    const menuOf = (toggle) => {
        const name = toggle.getAttribute("x-ref");
        const detached = [...document.querySelectorAll("body > nav")].find((nav) =>
            [...nav.attributes].some(({ value }) => name && value === `$refs.${name}`),
        );
        return detached ?? toggle.closest("[x-data]")?.querySelector(":scope > nav");
    };

    const press = (button) => {
        button.click();
        const menu = menuOf(button);
        if (menu) {
            lastToggle = button;
            focusWhenVisible(() => menu.querySelector("a, button"));
        }
    };

    const makeButton = (element) => {
        if (element.matches(NATIVE) || element.querySelector(NATIVE)) {
            return;
        }
        if (!element.firstElementChild && !element.textContent.trim()) {
            return;
        }
        let button = element;
        if (element.matches("h1, h2, h3, h4")) {
            // Keep the heading.
            button = document.createElement("span");
            button.className = "shop-heading-button";
            button.append(...element.childNodes);
            element.append(button);
        }
        button.tabIndex = 0;
        button.role = "button";
        const toggled = /^\s*(\w+)\s*=\s*!\s*(\w+)/.exec(element.getAttribute("x-on:click") ?? "");
        if (toggled && toggled[1] === toggled[2]) {
            button.setAttribute("x-bind:aria-expanded", `String(${toggled[1]})`);
        }
        button.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                press(button);
            }
        });
    };

    const shutMenu = () => {
        if (lastToggle && isVisible(menuOf(lastToggle))) {
            document.body.click();
            lastToggle.focus();
        }
    };

    document.addEventListener("keydown", (event) => {
        if (event.key === "Escape" && !document.getElementById("page")?.inert) {
            shutMenu();
        }
    });

    // A dialog keeps the focus, then returns it.
    const FIELD = "input:not([type=hidden]), select, textarea";
    let opener = null;

    window.shopDialog = (isOpen) => {
        const page = document.getElementById("page");
        const content = document.getElementById("modal-content");
        if (isOpen) {
            const focused = document.activeElement;
            opener = focused === document.body || focused?.closest("body > nav") ? lastToggle : focused;
            page.inert = true;
            focusWhenVisible(() => content.querySelector(`#dialog-form :is(${FIELD})`) ?? content);
        } else if (page?.inert) {
            page.inert = false;
            shutMenu();
            opener?.focus();
        }
    };

    const focusError = (root) => {
        const message = [...root.querySelectorAll(".errorlist, .errors li, td .text-red-600")].find(isVisible);
        const field = message?.closest(".errors, td, .field-line, .group")?.querySelector(FIELD);
        field?.focus({ preventScroll: true });
        // Buttons cover the lower edge.
        field?.scrollIntoView({ block: "center" });
        return field;
    };

    document.addEventListener("htmx:afterSettle", ({ target }) => target.id === "dialog-form" && focusError(target));

    // Show why a dialog failed.
    for (const failure of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
        document.addEventListener(failure, ({ detail }) => {
            const content = document.getElementById("modal-content");
            if (!content || !(detail.target === content || content.contains(detail.target))) {
                return;
            }
            const status = detail.xhr?.status;
            const reason =
                status === 403
                    ? "You do not have permission to do this."
                    : status === 404
                      ? "This no longer exists. Reload the page."
                      : "The request failed. Try again in a moment.";
            const text = document.createElement("p");
            text.id = "dialog-title";
            text.setAttribute("role", "alert");
            text.textContent = reason;
            const close = document.createElement("button");
            close.type = "button";
            close.className = "shop-button";
            close.textContent = "Close";
            close.addEventListener("click", () => window.dispatchEvent(new KeyboardEvent("keydown", { key: "Escape" })));
            content.replaceChildren(text, close);
            Alpine.$data(document.documentElement).openModal = true;
        });
    }

    const addLandmarks = () => {
        const main = document.getElementById("main") ?? document.getElementById("page");
        if (!main) {
            return;
        }
        main.role = "main";
        main.tabIndex = -1;
        if (document.getElementById("nav-sidebar")) {
            document.getElementById("nav-sidebar-inner").ariaLabel = "Menu";
            const skip = document.createElement("a");
            skip.href = "#content";
            skip.className = "shop-skip";
            skip.textContent = "Skip to the content";
            skip.addEventListener("click", (event) => {
                event.preventDefault();
                const content = document.getElementById("content");
                content.tabIndex = -1;
                content.focus();
            });
            // Inert while a dialog is open.
            document.getElementById("page").prepend(skip);
        }
    };

    // Before Alpine starts and binds attributes.
    document.addEventListener("readystatechange", () => {
        if (document.readyState === "interactive") {
            addLandmarks();
            const templates = [...document.querySelectorAll("template")].map((each) => each.content);
            for (const root of [document, ...templates]) {
                root.querySelectorAll("a:not([href]), [x-on\\:click]").forEach(makeButton);
            }
        }
    });

    window.addEventListener("load", () => {
        document.querySelectorAll("table[data-ordering-field]").forEach(makeMovable);
        document.querySelectorAll(".material-symbols-outlined").forEach(nameIcon);
        nameInputs(document);
        nameSelects();
        new MutationObserver(nameSelects).observe(document.body, { childList: true, subtree: true });
        focusError(document);
    });
    document.addEventListener("formset:added", (event) => nameInputs(event.target));
}
