<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr" sourcelanguage="en">
 <context>
  <name>RSRefSeg</name>
  <message>
   <location filename="../engine/client.py" />
   <source>the engine</source>
   <translation>le moteur</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>the plugin</source>
   <translation>l'extension</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine refuses the token; set the engine's token in the plugin's settings.</source>
   <translation>Le moteur refuse le jeton ; indiquez le jeton du moteur dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine's token holds characters that no token has; copy it again into the plugin's settings.</source>
   <translation>Le jeton du moteur contient des caractères qu'aucun jeton n'a ; recopiez-le dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine speaks version {theirs} of the protocol and the plugin version {ours}; update {older}.</source>
   <translation>Le moteur parle la version {theirs} du protocole et l'extension la version {ours} ; mettez à jour {older}.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>What answers is no engine, or one that this plugin does not understand (HTTP status {status}); check the address and the engine's version.</source>
   <translation>Ce qui répond n'est pas un moteur, ou l'extension ne le comprend pas (statut HTTP {status}) ; vérifiez l'adresse et la version du moteur.</translation>
  </message>
  <message>
   <location filename="../engine/client.py" />
   <source>The engine broke off (HTTP status {status}); try again.</source>
   <translation>Le moteur s'est interrompu (statut HTTP {status}) ; réessayez.</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Installing the downloaded packages</source>
   <translation>Installation des paquets téléchargés</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Looking for a Python</source>
   <translation>Recherche d'un Python</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>The engine is installed</source>
   <translation>Le moteur est installé</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Installing packages, this takes minutes</source>
   <translation>Installation des paquets, cela prend quelques minutes</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Checking the engine</source>
   <translation>Vérification du moteur</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>{step} {name}</source>
   <translation>{step} {name}</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Making an environment from {python}</source>
   <translation>Création d'un environnement à partir de {python}</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>Another QGIS window is installing the engine; wait until it is done and try again.</source>
   <translation>Une autre fenêtre de QGIS installe le moteur ; attendez qu'elle ait fini et réessayez.</translation>
  </message>
  <message>
   <location filename="../engine/install.py" />
   <source>The engine needs about {needed:.0f} GB and {free:.1f} GB are free; free some, or choose another folder in the plugin's settings: {folder}</source>
   <translation>Le moteur demande environ {needed:.0f} Go et {free:.1f} Go sont libres ; libérez de la place ou choisissez un autre dossier dans les paramètres de l'extension : {folder}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>it was killed, perhaps for lack of memory</source>
   <translation>il a été tué, peut-être faute de mémoire</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine was stopped while it worked; run it again, it starts anew by itself.</source>
   <translation>Le moteur a été arrêté pendant qu'il travaillait ; relancez, il redémarre de lui-même.</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>code {code}</source>
   <translation>code {code}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine is not installed yet; press “Install engine…” in the RSRefSeg panel (about 1.5 GB, once).</source>
   <translation>Le moteur n'est pas encore installé ; cliquez sur « Installer le moteur… » dans le panneau RSRefSeg (environ 1,5 Go, une fois).</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine ended in the middle of the request ({why}); run it again, the engine starts anew by itself. Its log: {log}</source>
   <translation>Le moteur s'est arrêté au milieu de la requête ({why}) ; relancez, il redémarre de lui-même. Son journal : {log}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>signal {number}</source>
   <translation>signal {number}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine did not load its model in time; try again, or raise the time limit in the plugin's settings.</source>
   <translation>Le moteur n'a pas chargé son modèle à temps ; réessayez, ou augmentez le délai dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>http:// would show the engine's token to the network; use https:// in the plugin's settings, or a tunnel to 127.0.0.1: {url}</source>
   <translation>http:// révélerait le jeton du moteur sur le réseau ; utilisez https:// dans les paramètres de l'extension, ou un tunnel vers 127.0.0.1 : {url}</translation>
  </message>
  <message>
   <location filename="../engine/manager.py" />
   <source>The engine could not load its model; see its log.</source>
   <translation>Le moteur n'a pas pu charger son modèle ; consultez son journal.</translation>
  </message>
  <message>
   <location filename="../engine/parse.py" />
   <source>“{field}” is no {wanted}</source>
   <translation>« {field} » n'est pas du type {wanted}</translation>
  </message>
  <message>
   <location filename="../engine/parse.py" />
   <source>The engine's answer is not understood ({where}); repair the engine in the plugin's settings so that both are of the same version.</source>
   <translation>La réponse du moteur n'est pas comprise ({where}) ; réparez le moteur dans les paramètres de l'extension pour que les deux aient la même version.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The disk is full; free about 4 GB, or choose another folder for the engine in the plugin's settings, and install again: {folder}</source>
   <translation>Le disque est plein ; libérez environ 4 Go, ou choisissez un autre dossier pour le moteur dans les paramètres de l'extension, puis réinstallez : {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The proxy refused the download; set it for pip (pip config set global.proxy http://user:password@host:port) and install again.</source>
   <translation>Le serveur mandataire a refusé le téléchargement ; configurez-le pour pip (pip config set global.proxy http://user:password@host:port) et réinstallez.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The package index could not be trusted, often because a proxy replaces certificates; give pip the proxy's certificate (pip config set global.cert FILE) and install again.</source>
   <translation>Le dépôt de paquets n'est pas reconnu comme sûr, souvent parce qu'un serveur mandataire remplace les certificats ; donnez à pip le certificat du mandataire (pip config set global.cert FILE) et réinstallez.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The package index could not be reached; check the network and install again (what was downloaded is kept), or choose a folder of wheels in the plugin's settings.</source>
   <translation>Le dépôt de paquets est injoignable ; vérifiez le réseau et réinstallez (ce qui est téléchargé est conservé), ou choisissez un dossier de paquets dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>A download was damaged on its way; install again.</source>
   <translation>Un téléchargement est arrivé endommagé ; réinstallez.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The engine's folder cannot be written; close other QGIS windows, or choose another folder in the plugin's settings: {folder}</source>
   <translation>Impossible d'écrire dans le dossier du moteur ; fermez les autres fenêtres de QGIS, ou choisissez un autre dossier dans les paramètres de l'extension : {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The engine's folder has too long a name; choose a short one, such as C:\rsrefseg, in the plugin's settings: {folder}</source>
   <translation>Le nom du dossier du moteur est trop long ; choisissez-en un court, comme C:\rsrefseg, dans les paramètres de l'extension : {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>A package is not to be had for this system ({why}); choose another Python (3.11 is best) or another folder of wheels in the plugin's settings.</source>
   <translation>Un paquet n'existe pas pour ce système ({why}) ; choisissez un autre Python (3.11 de préférence) ou un autre dossier de paquets dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>The installation failed ({why}); install again with “Repair”, or see its log in {folder}</source>
   <translation>L'installation a échoué ({why}) ; réinstallez avec « Réparer », ou consultez son journal dans {folder}</translation>
  </message>
  <message>
   <location filename="../engine/pip_errors.py" />
   <source>no message</source>
   <translation>aucun message</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine ended at its start with code {code} ({why}); repair the engine in the plugin's settings, or see its log: {log}</source>
   <translation>Le moteur s'est arrêté au démarrage avec le code {code} ({why}) ; réparez-le dans les paramètres de l'extension, ou consultez son journal : {log}</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine has no output; try again.</source>
   <translation>Le moteur n'a pas de sortie ; réessayez.</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine is not complete in its environment ({why}); repair the engine in the plugin's settings.</source>
   <translation>Le moteur est incomplet dans son environnement ({why}) ; réparez-le dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine did not start in time; try again, or raise the time limit in the plugin's settings. Its log: {log}</source>
   <translation>Le moteur n'a pas démarré à temps ; réessayez, ou augmentez le délai dans les paramètres de l'extension. Son journal : {log}</translation>
  </message>
  <message>
   <location filename="../engine/process.py" />
   <source>The engine could not be started with {python} ({why}); repair the engine in the plugin's settings.</source>
   <translation>Le moteur n'a pas pu être démarré avec {python} ({why}) ; réparez-le dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/proxy.py" />
   <source>QGIS's proxy is of the kind {kind}, which cannot reach a remote engine; use an HTTP proxy, or exclude {url} from it in QGIS's network settings.</source>
   <translation>Le serveur mandataire de QGIS est du type {kind}, qui ne permet pas de joindre un moteur distant ; utilisez un mandataire HTTP, ou excluez {url} dans les paramètres réseau de QGIS.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>No Python 3.10 to 3.13 was found; install one from https://www.python.org/downloads or choose one in the plugin's settings.</source>
   <translation>Aucun Python 3.10 à 3.13 n'a été trouvé ; installez-en un depuis https://www.python.org/downloads ou choisissez-en un dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>No Python 3.10 to 3.13 was found; install one (Debian, Ubuntu: sudo apt install python3 python3-venv) or choose one in the plugin's settings.</source>
   <translation>Aucun Python 3.10 à 3.13 n'a été trouvé ; installez-en un (Debian, Ubuntu : sudo apt install python3 python3-venv) ou choisissez-en un dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is a 32-bit Python, 64 bits are needed</source>
   <translation>c'est un Python 32 bits, il en faut un de 64 bits</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is a free-threaded Python, which PyTorch does not fit</source>
   <translation>c'est un Python « free-threaded », auquel PyTorch ne convient pas</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it does not run</source>
   <translation>il ne se lance pas</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>it is Python {version}, 3.10 to 3.13 is needed</source>
   <translation>c'est Python {version}, il faut 3.10 à 3.13</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>its venv module is missing (Debian, Ubuntu: sudo apt install python{version}-venv)</source>
   <translation>son module venv manque (Debian, Ubuntu : sudo apt install python{version}-venv)</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>The Python at {path} cannot be used: {why}; then try again.</source>
   <translation>Le Python {path} n'est pas utilisable : {why} ; corrigez cela et réessayez.</translation>
  </message>
  <message>
   <location filename="../engine/pythons.py" />
   <source>The Python chosen in the plugin's settings cannot be used ({why}): {path}</source>
   <translation>Le Python choisi dans les paramètres de l'extension n'est pas utilisable ({why}) : {path}</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>Nobody that this system trusts vouches for the engine at {url}; if {found} is the fingerprint that the engine prints when it starts, set it in the plugin's settings.</source>
   <translation>Aucune autorité reconnue par ce système ne répond du moteur {url} ; si {found} est l'empreinte que le moteur affiche au démarrage, indiquez-la dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The engine at {host} shows another certificate than the trusted one; if its operator has renewed it, set the new fingerprint in the plugin's settings: {found}</source>
   <translation>Le moteur {host} présente un autre certificat que celui qui est approuvé ; si son exploitant l'a renouvelé, indiquez la nouvelle empreinte dans les paramètres de l'extension : {found}</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The engine at {url} could not be reached safely ({why}); check the address.</source>
   <translation>Le moteur {url} n'a pas pu être joint de façon sûre ({why}) ; vérifiez l'adresse.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} has expired; renew it on the server.</source>
   <translation>Le certificat du moteur {url} a expiré ; renouvelez-le sur le serveur.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} is not valid yet; check both clocks.</source>
   <translation>Le certificat du moteur {url} n'est pas encore valable ; vérifiez l'heure des deux machines.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>The certificate of the engine at {url} is for another name than {host}; use the name that it is for.</source>
   <translation>Le certificat du moteur {url} porte un autre nom que {host} ; utilisez le nom pour lequel il est émis.</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>no TLS connection comes about there: {why}</source>
   <translation>aucune connexion TLS ne s'y établit : {why}</translation>
  </message>
  <message>
   <location filename="../engine/tls.py" />
   <source>“{text}” is no SHA-256 fingerprint of a certificate; copy the 64 digits that the engine prints when it starts into the plugin's settings.</source>
   <translation>« {text} » n'est pas l'empreinte SHA-256 d'un certificat ; copiez dans les paramètres de l'extension les 64 chiffres que le moteur affiche au démarrage.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>The token of the remote engine is no longer in QGIS's authentication database; enter it again in the plugin's settings.</source>
   <translation>Le jeton du moteur distant n'est plus dans la base d'authentification de QGIS ; saisissez-le à nouveau dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>QGIS's authentication database is switched off, so that no token can be kept; set the environment variable RSREFSEG_ENGINE_TOKEN instead.</source>
   <translation>La base d'authentification de QGIS est désactivée et aucun jeton ne peut être conservé ; définissez plutôt la variable d'environnement RSREFSEG_ENGINE_TOKEN.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>The token of the remote engine is locked; try again and give QGIS the master password of its authentication database.</source>
   <translation>Le jeton du moteur distant est verrouillé ; réessayez et donnez à QGIS le mot de passe principal de sa base d'authentification.</translation>
  </message>
  <message>
   <location filename="../engine/token.py" />
   <source>QGIS's authentication database did not take the token; check it under Options, Authentication.</source>
   <translation>La base d'authentification de QGIS n'a pas accepté le jeton ; vérifiez-la sous Options, Authentification.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The connection to the engine at {url} broke ({why}); try again.</source>
   <translation>La connexion au moteur {url} a été coupée ({why}) ; réessayez.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>“{url}” is no address of an engine; give one like https://server:8443 in the plugin's settings.</source>
   <translation>« {url} » n'est pas l'adresse d'un moteur ; indiquez-en une comme https://server:8443 dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The proxy did not let the connection to {url} through ({why}); check QGIS's network settings.</source>
   <translation>Le serveur mandataire n'a pas laissé passer la connexion à {url} ({why}) ; vérifiez les paramètres réseau de QGIS.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The engine at {url} gave no answer in time; try a smaller extent or raise the time limit in the plugin's settings.</source>
   <translation>Le moteur {url} n'a pas répondu à temps ; essayez une emprise plus petite ou augmentez le délai dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>The engine's address {url} is not known; check it in the plugin's settings and check the network.</source>
   <translation>L'adresse {url} du moteur est inconnue ; vérifiez-la dans les paramètres de l'extension et vérifiez le réseau.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>Nothing answers at {url}; start the engine there and try again.</source>
   <translation>Rien ne répond à {url} ; démarrez-y le moteur et réessayez.</translation>
  </message>
  <message>
   <location filename="../engine/transport.py" />
   <source>What answers at {url} is no engine ({why}); check the address in the plugin's settings.</source>
   <translation>Ce qui répond à {url} n'est pas un moteur ({why}) ; vérifiez l'adresse dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../errors.py" />
   <source>“{text}”</source>
   <translation>« {text} »</translation>
  </message>
  <message>
   <location filename="../errors.py" />
   <source>Cancelled.</source>
   <translation>Annulé.</translation>
  </message>
  <message>
   <location filename="../gui/ahead.py" />
   <source>The raster layer is gone; choose another.</source>
   <translation>La couche raster n'est plus là ; choisissez-en une autre.</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Result</source>
   <translation>Résultat</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Show best guess</source>
   <translation>Montrer la meilleure hypothèse</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Draw what comes nearest, although the model takes it for no match</source>
   <translation>Dessiner ce qui s'en rapproche le plus, bien que le modèle n'y voie pas de correspondance</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Heat map</source>
   <translation>Carte de chaleur</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Show on the map where the model looked and how likely each place is</source>
   <translation>Montrer sur la carte où le modèle a regardé et la probabilité de chaque endroit</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Add to layer…</source>
   <translation>Ajouter à une couche…</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Add the polygons to a polygon layer of yours, field by field</source>
   <translation>Ajouter les polygones, champ par champ, à l'une de vos couches de polygones</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Export to GeoPackage…</source>
   <translation>Exporter en GeoPackage…</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Write the result into a GeoPackage</source>
   <translation>Écrire le résultat dans un GeoPackage</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>Shape</source>
   <translation>Forme</translation>
  </message>
  <message>
   <location filename="../gui/answer_box.py" />
   <source>How outlines are drawn; they change as you look</source>
   <translation>Comment les contours sont dessinés ; ils changent aussitôt</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Add to layer</source>
   <translation>Ajouter à une couche</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Layer to add to</source>
   <translation>Couche de destination</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>A polygon layer that can be edited</source>
   <translation>Une couche de polygones modifiable</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Layer</source>
   <translation>Couche</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>What goes into each field. The edits can be undone until you save them.</source>
   <translation>Ce que reçoit chaque champ. Les modifications peuvent être annulées jusqu'à leur enregistrement.</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>There is no polygon layer that can be edited; add or create one first.</source>
   <translation>Il n'y a pas de couche de polygones modifiable ; ajoutez-en ou créez-en une d'abord.</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>(leave empty)</source>
   <translation>(laisser vide)</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>Add {count} polygons</source>
   <translation>Ajouter {count} polygones</translation>
  </message>
  <message>
   <location filename="../gui/append_dialog.py" />
   <source>What is put into the field “{name}”</source>
   <translation>Ce que reçoit le champ « {name} »</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine not installed</source>
   <translation>Moteur non installé</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine starts with the first question</source>
   <translation>Le moteur démarre à la première question</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine is starting…</source>
   <translation>Le moteur démarre…</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine ready</source>
   <translation>Moteur prêt</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine at work</source>
   <translation>Moteur au travail</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine failed</source>
   <translation>Le moteur a échoué</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Engine unreachable</source>
   <translation>Moteur injoignable</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>State of the engine</source>
   <translation>État du moteur</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Why this device, and what is cached</source>
   <translation>Pourquoi ce matériel, et ce qui est en cache</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Install engine…</source>
   <translation>Installer le moteur…</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Install the engine into a folder of its own; QGIS's Python is left alone</source>
   <translation>Installer le moteur dans un dossier à part ; le Python de QGIS n'est pas touché</translation>
  </message>
  <message>
   <location filename="../gui/engine_line.py" />
   <source>Settings of RSRefSeg</source>
   <translation>Paramètres de RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>1 view ready</source>
   <translation>1 vue prête</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Engine {version}</source>
   <translation>Moteur {version}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>{views} ({size} of {budget})</source>
   <translation>{views} ({size} sur {budget})</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Model: {name}</source>
   <translation>Modèle : {name}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>Device: {name}, {precision}. {why}</source>
   <translation>Matériel : {name}, {precision}. {why}</translation>
  </message>
  <message>
   <location filename="../gui/engine_watch.py" />
   <source>{count} views ready</source>
   <translation>{count} vues prêtes</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Export to GeoPackage</source>
   <translation>Exporter en GeoPackage</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>GeoPackage (*.gpkg)</source>
   <translation>GeoPackage (*.gpkg)</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>It has no layers that can be read.</source>
   <translation>Il n'a pas de couche lisible.</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Replace file</source>
   <translation>Remplacer le fichier</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>{name} is there already.</source>
   <translation>{name} existe déjà.</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Append to {layer}</source>
   <translation>Ajouter à {layer}</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Replace {layer}</source>
   <translation>Remplacer {layer}</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Layers in it: {layers}.</source>
   <translation>Couches qu'il contient : {layers}.</translation>
  </message>
  <message>
   <location filename="../gui/export_dialog.py" />
   <source>Add as new layer</source>
   <translation>Ajouter comme nouvelle couche</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Extent</source>
   <translation>Emprise</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>What part of the raster is looked at</source>
   <translation>La partie du raster qui est examinée</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Draw a rectangle on the map</source>
   <translation>Dessiner un rectangle sur la carte</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Visible map</source>
   <translation>Carte visible</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Whole layer</source>
   <translation>Couche entière</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Drawn rectangle</source>
   <translation>Rectangle dessiné</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Selected features</source>
   <translation>Entités sélectionnées</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Select features of a vector layer and make it the active layer first.</source>
   <translation>Sélectionnez d'abord des entités d'une couche vecteur et rendez-la active.</translation>
  </message>
  <message>
   <location filename="../gui/extent.py" />
   <source>Draw a rectangle on the map first, or choose another extent.</source>
   <translation>Dessinez d'abord un rectangle sur la carte, ou choisissez une autre emprise.</translation>
  </message>
  <message>
   <location filename="../gui/group.py" />
   <source>Fold or unfold “{title}”</source>
   <translation>Replier ou déplier « {title} »</translation>
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>Ask for something first; then its heat map can be shown.</source>
   <translation>Cherchez d'abord quelque chose ; sa carte de chaleur pourra alors être affichée.</translation>
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>{phrase}: where the model looked</source>
   <translation>{phrase} : où le modèle a regardé</translation>
  </message>
  <message>
   <location filename="../gui/heat_map.py" />
   <source>{phrase}: probability</source>
   <translation>{phrase} : probabilité</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>Help (F1)</source>
   <translation>Aide (F1)</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>Help</source>
   <translation>Aide</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>User guide</source>
   <translation>Guide de l'utilisateur</translation>
  </message>
  <message>
   <location filename="../gui/help.py" />
   <source>RSRefSeg: user guide</source>
   <translation>RSRefSeg : guide de l'utilisateur</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Runs of this project</source>
   <translation>Recherches de ce projet</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>What was asked in this project; Enter runs it again</source>
   <translation>Ce qui a été cherché dans ce projet ; Entrée relance la recherche</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Run again</source>
   <translation>Relancer</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Ask the chosen run again, as it was</source>
   <translation>Relancer la recherche choisie, telle qu'elle était</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Open in Toolbox…</source>
   <translation>Ouvrir dans la boîte à outils…</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Open the chosen run in “Segment by phrase” of the Processing Toolbox</source>
   <translation>Ouvrir la recherche choisie dans « Segmenter par description » de la boîte à outils de traitements</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Clear</source>
   <translation>Effacer</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Forget the runs of this project; layers stay</source>
   <translation>Oublier les recherches de ce projet ; les couches restent</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Right angles</source>
   <translation>Angles droits</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Layer: {name}</source>
   <translation>Couche : {name}</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Extent: {extent}</source>
   <translation>Emprise : {extent}</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Model: {name} ({digest})</source>
   <translation>Modèle : {name} ({digest})</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Threshold {threshold}, minimum area {area} m², simplification {simplify} m</source>
   <translation>Seuil {threshold}, surface minimale {area} m², simplification {simplify} m</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Only what is {relation}</source>
   <translation>Seulement ce qui est {relation}</translation>
  </message>
  <message>
   <location filename="../gui/history_box.py" />
   <source>Clicks: {count}</source>
   <translation>Clics : {count}</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Install the RSRefSeg engine</source>
   <translation>Installer le moteur de RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is the part that looks at the pixels. It gets a Python environment of its own in a folder of yours; QGIS and its Python are left as they are. After that everything works without a network, and no raster and no phrase leaves this machine.</source>
   <translation>Le moteur est la partie qui examine les pixels. Il reçoit son propre environnement Python dans un dossier à vous ; QGIS et son Python restent tels quels. Ensuite tout fonctionne sans réseau, et aucun raster ni aucune description ne quitte cet ordinateur.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>How the installation stands</source>
   <translation>Où en est l'installation</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Folder for the engine's environment, logs and downloads</source>
   <translation>Dossier de l'environnement, des journaux et des téléchargements du moteur</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Folder of the engine</source>
   <translation>Dossier du moteur</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Which PyTorch to install; automatic takes CUDA where an NVIDIA driver answers</source>
   <translation>Quel PyTorch installer ; automatique prend CUDA là où un pilote NVIDIA répond</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>What</source>
   <translation>Quoi</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>From</source>
   <translation>D'où</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>With</source>
   <translation>Avec</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>How large</source>
   <translation>Taille</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Where</source>
   <translation>Où</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>PyTorch</source>
   <translation>PyTorch</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Progress</source>
   <translation>Avancement</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Install</source>
   <translation>Installer</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stop</source>
   <translation>Arrêter</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stop; what is downloaded already is kept</source>
   <translation>Arrêter ; ce qui est téléchargé est conservé</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Close</source>
   <translation>Fermer</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Python {version}: {path}</source>
   <translation>Python {version} : {path}</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>no Python that fits</source>
   <translation>aucun Python adapté</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{download} to download, {disk} on the disk; {free} are free</source>
   <translation>{download} à télécharger, {disk} sur le disque ; {free} libres</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is installed. Type what to find into the RSRefSeg panel.</source>
   <translation>Le moteur est installé. Saisissez ce que vous cherchez dans le panneau RSRefSeg.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Repair</source>
   <translation>Réparer</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{percent}%</source>
   <translation>{percent} %</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>several GB to download; {needed} must be free for it, {free} are</source>
   <translation>plusieurs Go à télécharger ; il faut {needed} libres, il y en a {free}</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>Stopped. “Install” goes on from what is there already.</source>
   <translation>Arrêté. « Installer » reprend là où il en était.</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>{packages} and what they need, about 60 packages with locked versions</source>
   <translation>{packages} et leurs dépendances, environ 60 paquets aux versions fixées</translation>
  </message>
  <message>
   <location filename="../gui/install_page.py" />
   <source>The engine is installed ({size}); “Repair” installs it anew.</source>
   <translation>Le moteur est installé ({size}) ; « Réparer » le réinstalle.</translation>
  </message>
  <message>
   <location filename="../gui/keeping.py" />
   <source>The results were saved with the project, in {path}.</source>
   <translation>Les résultats ont été enregistrés avec le projet, dans {path}.</translation>
  </message>
  <message>
   <location filename="../gui/keeping.py" />
   <source>The results could not be saved with the project ({why}); use “Export to GeoPackage…”.</source>
   <translation>Les résultats n'ont pas pu être enregistrés avec le projet ({why}) ; utilisez « Exporter en GeoPackage… ».</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>RSRefSeg</source>
   <translation>RSRefSeg</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Raster layer</source>
   <translation>Couche raster</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>The raster layer to look at, as it is drawn on the map</source>
   <translation>La couche raster à examiner, telle qu'elle est dessinée sur la carte</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Raster</source>
   <translation>Raster</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>What to find</source>
   <translation>Que chercher</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Phrase</source>
   <translation>Description</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>e.g. the red-roofed building left of the road</source>
   <translation>p. ex. the red-roofed building left of the road</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Say in words what to find; several phrases are separated by semicolons</source>
   <translation>Dire en anglais ce qu'il faut chercher ; plusieurs descriptions se séparent par des points-virgules</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Examples</source>
   <translation>Exemples</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Segment</source>
   <translation>Segmenter</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Find it and draw the outlines (Enter)</source>
   <translation>Chercher et dessiner les contours (Entrée)</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Cancel</source>
   <translation>Annuler</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Stop what is going on</source>
   <translation>Arrêter ce qui est en cours</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Relative to your own data</source>
   <translation>Par rapport à vos données</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Keep only what lies so to the features of a layer of yours</source>
   <translation>Ne garder que ce qui est ainsi situé par rapport aux entités de l'une de vos couches</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>History</source>
   <translation>Historique</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>The runs of this project</source>
   <translation>Les recherches de ce projet</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>There is no raster to look at; add a raster layer first.</source>
   <translation>Il n'y a pas de raster à examiner ; ajoutez d'abord une couche raster.</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Try: {examples}</source>
   <translation>Essayez : {examples}</translation>
  </message>
  <message>
   <location filename="../gui/panel.py" />
   <source>Type what to look for, such as “{example}”.</source>
   <translation>Saisissez ce que vous cherchez, par exemple « {example} ».</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Undo the last change</source>
   <translation>Annuler la dernière modification</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Redo the last change</source>
   <translation>Rétablir la dernière modification</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Click on the map what belongs to it</source>
   <translation>Cliquer sur la carte ce qui en fait partie</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Click on the map what does not belong to it</source>
   <translation>Cliquer sur la carte ce qui n'en fait pas partie</translation>
  </message>
  <message>
   <location filename="../gui/point_bar.py" />
   <source>Draw a box around it on the map</source>
   <translation>Tracer un cadre autour sur la carte</translation>
  </message>
  <message>
   <location filename="../gui/refining.py" />
   <source>Ask for something first; then clicks refine the answer.</source>
   <translation>Cherchez d'abord quelque chose ; les clics affinent ensuite la réponse.</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Relation</source>
   <translation>Relation</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Keep only what lies so to the nearest feature of a layer of yours; left is west and above is north</source>
   <translation>Ne garder que ce qui est ainsi situé par rapport à l'entité la plus proche de l'une de vos couches ; la gauche est l'ouest, le dessus est le nord</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Anywhere</source>
   <translation>N'importe où</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Layer of the relation</source>
   <translation>Couche de comparaison</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>The vector layer that polygons are compared with</source>
   <translation>La couche vecteur à laquelle les polygones sont comparés</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Distance</source>
   <translation>Distance</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>How far at most, measured on the ground</source>
   <translation>Distance maximale, mesurée au sol</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Only</source>
   <translation>Seulement</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>The layer of the relation is gone; choose another.</source>
   <translation>La couche de comparaison n'est plus là ; choisissez-en une autre.</translation>
  </message>
  <message>
   <location filename="../gui/relation_box.py" />
   <source>Choose the layer that “{relation}” is about, or choose “Anywhere”.</source>
   <translation>Choisissez la couche à laquelle se rapporte « {relation} », ou choisissez « N'importe où ».</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Candidates</source>
   <translation>Candidats</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Checked polygons are kept; point at one to see it on the map</source>
   <translation>Les polygones cochés sont gardés ; pointez-en un pour le voir sur la carte</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Candidate</source>
   <translation>Candidat</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Score</source>
   <translation>Score</translation>
  </message>
  <message>
   <location filename="../gui/results_list.py" />
   <source>Area</source>
   <translation>Surface</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The engine is not installed yet (about 1.5 GB, once).</source>
   <translation>Le moteur n'est pas encore installé (environ 1,5 Go, une fois).</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The engine is installed; ask for something.</source>
   <translation>Le moteur est installé ; cherchez quelque chose.</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The result's layer is gone; ask again.</source>
   <translation>La couche du résultat n'est plus là ; relancez la recherche.</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>The raster layer was removed; the search in it was stopped.</source>
   <translation>La couche raster a été retirée ; la recherche en cours y a été arrêtée.</translation>
  </message>
  <message>
   <location filename="../gui/runs.py" />
   <source>Exported to {path}.</source>
   <translation>Exporté vers {path}.</translation>
  </message>
  <message>
   <location filename="../gui/session.py" />
   <source>The raster “{name}” is not in the project; add it and try again.</source>
   <translation>Le raster « {name} » n'est pas dans le projet ; ajoutez-le et réessayez.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Not installed yet</source>
   <translation>Pas encore installé</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Device</source>
   <translation>Matériel</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Where the model runs; automatic takes a graphics card where one can be used</source>
   <translation>Où le modèle s'exécute ; automatique prend une carte graphique si possible</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Precision</source>
   <translation>Précision</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Numbers that the model calculates with; automatic takes the fastest that is safe</source>
   <translation>Les nombres avec lesquels le modèle calcule ; automatique prend les plus rapides qui soient sûrs</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Memory for encoded images</source>
   <translation>Mémoire pour les images encodées</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Further phrases on a view that is kept there are answered at once</source>
   <translation>Sur une vue qui s'y trouve, les descriptions suivantes reçoivent une réponse immédiate</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Disk for encoded images</source>
   <translation>Disque pour les images encodées</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Views that are kept there need not be encoded again in the next session</source>
   <translation>Les vues qui s'y trouvent n'ont pas à être encodées de nouveau à la session suivante</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The first answer comes sooner; the processor or graphics card works for it</source>
   <translation>La première réponse vient plus tôt ; le processeur ou la carte graphique y travaille</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Encode the extent while the phrase is being typed</source>
   <translation>Encoder l'emprise pendant la saisie</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Address</source>
   <translation>Adresse</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>https:// address of an engine elsewhere; empty: the engine on this machine</source>
   <translation>Adresse https:// d'un moteur distant ; vide : le moteur de cet ordinateur</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Certificate's fingerprint</source>
   <translation>Empreinte du certificat</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>SHA-256 of a self-signed certificate, as the engine prints it when it starts</source>
   <translation>SHA-256 d'un certificat auto-signé, tel que le moteur l'affiche au démarrage</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>empty: whom this system trusts</source>
   <translation>vide : les autorités de ce système</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Style of new results</source>
   <translation>Style des nouveaux résultats</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>A QGIS style file that new result layers get; empty: the plugin's own style</source>
   <translation>Un fichier de style QGIS pour les nouvelles couches de résultats ; vide : le style de l'extension</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Folder of packages</source>
   <translation>Dossier de paquets</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Wheels to install from on a machine without a network</source>
   <translation>Paquets à partir desquels installer sur un ordinateur sans réseau</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>All files (*)</source>
   <translation>Tous les fichiers (*)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python to install with</source>
   <translation>Python pour l'installation</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python 3.10 to 3.13 that the engine's environment is made from</source>
   <translation>Python 3.10 à 3.13 à partir duquel l'environnement du moteur est créé</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Engine's Python</source>
   <translation>Python du moteur</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Python of an environment of yours that has the engine, instead of the plugin's</source>
   <translation>Python d'un de vos environnements qui contient le moteur, au lieu de celui de l'extension</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights</source>
   <translation>Poids</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights file of another model; empty: the one that comes with the plugin</source>
   <translation>Fichier de poids d'un autre modèle ; vide : celui qui est fourni avec l'extension</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Weights (*.safetensors)</source>
   <translation>Poids (*.safetensors)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>the plugin's own</source>
   <translation>celui de l'extension</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine answers.</source>
   <translation>Le moteur répond.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>an unknown device</source>
   <translation>un matériel inconnu</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Privacy: no raster, no phrase and no statistics leave this machine. Only installing the engine needs a network, and only a remote engine that you enter below is sent the pixels of the extent and the phrase.</source>
   <translation>Confidentialité : aucun raster, aucune description et aucune statistique ne quittent cet ordinateur. Seule l'installation du moteur demande un réseau, et seul un moteur distant que vous indiquez ci-dessous reçoit les pixels de l'emprise et la description.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Looking at the engine…</source>
   <translation>Recherche du moteur…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Install or repair…</source>
   <translation>Installer ou réparer…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Show what is installed and where, and do it</source>
   <translation>Montrer ce qui est installé et où, et le faire</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Engine on this machine</source>
   <translation>Moteur sur cet ordinateur</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Token</source>
   <translation>Jeton</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>What the remote engine asks for; kept encrypted in QGIS's authentication database</source>
   <translation>Ce que demande le moteur distant ; conservé chiffré dans la base d'authentification de QGIS</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Test the connection</source>
   <translation>Tester la connexion</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Ask the engine at this address how it is</source>
   <translation>Demander son état au moteur à cette adresse</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>How the connection is</source>
   <translation>État de la connexion</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Remote engine</source>
   <translation>Moteur distant</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Results</source>
   <translation>Résultats</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>looked for</source>
   <translation>recherché</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Installation and model</source>
   <translation>Installation et modèle</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Asking the engine…</source>
   <translation>Interrogation du moteur…</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Automatic</source>
   <translation>Automatique</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Processor (CPU)</source>
   <translation>Processeur (CPU)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>NVIDIA graphics card (CUDA)</source>
   <translation>Carte graphique NVIDIA (CUDA)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Apple graphics (MPS)</source>
   <translation>Carte graphique Apple (MPS)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>32 bit: exact, slowest</source>
   <translation>32 bits : exact, le plus lent</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>bfloat16: for newer hardware</source>
   <translation>bfloat16 : matériel récent</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>16 bit: for graphics cards</source>
   <translation>16 bits : cartes graphiques</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine answers: version {version}, model {model}, on {device}.</source>
   <translation>Le moteur répond : version {version}, modèle {model}, sur {device}.</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>an eighth of it</source>
   <translation>un huitième</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>none</source>
   <translation>aucun</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Style (*.qml)</source>
   <translation>Style (*.qml)</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>from the network</source>
   <translation>depuis le réseau</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>the installed one</source>
   <translation>celui qui est installé</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>The engine of your own environment is used: {python}</source>
   <translation>Le moteur de votre propre environnement est utilisé : {python}</translation>
  </message>
  <message>
   <location filename="../gui/settings_page.py" />
   <source>Installed in {folder} ({size})</source>
   <translation>Installé dans {folder} ({size})</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Probability from which a pixel counts: less finds more, more is surer</source>
   <translation>Probabilité à partir de laquelle un pixel compte : plus bas trouve davantage, plus haut est plus sûr</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Threshold</source>
   <translation>Seuil</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Minimum area</source>
   <translation>Surface minimale</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Simplification</source>
   <translation>Simplification</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Smaller polygons are left out</source>
   <translation>Les polygones plus petits sont écartés</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Outlines are made simpler within this tolerance</source>
   <translation>Les contours sont simplifiés dans cette tolérance</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Corners become square where that hardly moves an outline</source>
   <translation>Les angles deviennent droits là où cela déplace à peine le contour</translation>
  </message>
  <message>
   <location filename="../gui/shape_box.py" />
   <source>Simplify</source>
   <translation>Simplifier</translation>
  </message>
  <message>
   <location filename="../gui/shaping.py" />
   <source>Its best guess stays below the threshold; lower that to see it.</source>
   <translation>Sa meilleure hypothèse reste sous le seuil ; abaissez-le pour la voir.</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>{size} MB</source>
   <translation>{size} Mo</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>For the processor (CPU)</source>
   <translation>Pour le processeur (CPU)</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>For NVIDIA graphics cards (CUDA)</source>
   <translation>Pour les cartes graphiques NVIDIA (CUDA)</translation>
  </message>
  <message>
   <location filename="../gui/wording.py" />
   <source>{size} GB</source>
   <translation>{size} Go</translation>
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>QGIS's Processing is not active; activate its plugin and try again.</source>
   <translation>Les traitements de QGIS ne sont pas actifs ; activez leur extension et réessayez.</translation>
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>There are no polygons to add; ask for something first.</source>
   <translation>Il n'y a pas de polygones à ajouter ; cherchez d'abord quelque chose.</translation>
  </message>
  <message>
   <location filename="../gui/workbench.py" />
   <source>{count} polygons added to “{layer}”; save its edits to keep them.</source>
   <translation>{count} polygones ajoutés à « {layer} » ; enregistrez ses modifications pour les conserver.</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>Add segmented polygons</source>
   <translation>Ajouter les polygones segmentés</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>The layer “{name}” cannot be edited; choose another.</source>
   <translation>La couche « {name} » n'est pas modifiable ; choisissez-en une autre.</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>The layer “{name}” does not take the polygons; choose another.</source>
   <translation>La couche « {name} » n'accepte pas les polygones ; choisissez-en une autre.</translation>
  </message>
  <message>
   <location filename="../layers/append.py" />
   <source>A polygon cannot be expressed in the CRS of “{name}”; choose another.</source>
   <translation>Un polygone ne peut être exprimé dans le SCR de « {name} » ; choisissez une autre couche.</translation>
  </message>
  <message>
   <location filename="../layers/area.py" />
   <source>The layer to keep to has no polygons; choose another, or select some of it.</source>
   <translation>La couche qui doit limiter n'a pas de polygones ; choisissez-en une autre, ou sélectionnez-y des entités.</translation>
  </message>
  <message>
   <location filename="../layers/area.py" />
   <source>A polygon cannot be expressed in {crs}; reproject its layer, or leave it out.</source>
   <translation>Un polygone ne peut être exprimé en {crs} ; reprojetez sa couche, ou laissez-le de côté.</translation>
  </message>
  <message>
   <location filename="../layers/chips.py" />
   <source>{path} cannot be written ({why}); choose another folder.</source>
   <translation>Impossible d'écrire {path} ({why}) ; choisissez un autre dossier.</translation>
  </message>
  <message>
   <location filename="../layers/chips.py" />
   <source>no room</source>
   <translation>pas de place</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} cannot be written ({why}); choose another place.</source>
   <translation>Impossible d'écrire {path} ({why}) ; choisissez un autre emplacement.</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>There is no folder {folder}; choose another place.</source>
   <translation>Le dossier {folder} n'existe pas ; choisissez un autre emplacement.</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} is there already; choose another name, or say what to do with it.</source>
   <translation>{path} existe déjà ; choisissez un autre nom, ou dites qu'en faire.</translation>
  </message>
  <message>
   <location filename="../layers/geopackage.py" />
   <source>{path} has a layer “{table}” already; replace it, append to it or rename.</source>
   <translation>{path} a déjà une couche « {table} » ; remplacez-la, complétez-la ou changez de nom.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>no data there</source>
   <translation>pas de données à cet endroit</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The layer's style draws no colours; choose another style for it.</source>
   <translation>Le style de la couche ne dessine pas de couleurs ; choisissez-en un autre.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The pixels cannot be written to the folder for temporary files ({why}); free some room there, or choose a smaller extent.</source>
   <translation>Impossible d'écrire les pixels dans le dossier des fichiers temporaires ({why}) ; libérez-y de la place, ou choisissez une emprise plus petite.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>“{name}” shows nothing in this extent ({why}); zoom to its data or choose another extent.</source>
   <translation>« {name} » ne montre rien dans cette emprise ({why}) ; zoomez sur ses données ou choisissez une autre emprise.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>There is no room for {width} x {height} pixels; choose a smaller extent.</source>
   <translation>Il n'y a pas de place pour {width} x {height} pixels ; choisissez une emprise plus petite.</translation>
  </message>
  <message>
   <location filename="../layers/geotiff.py" />
   <source>The pixels of “{name}” cannot be read ({why}); check its source.</source>
   <translation>Les pixels de « {name} » ne sont pas lisibles ({why}) ; vérifiez sa source.</translation>
  </message>
  <message>
   <location filename="../layers/grid.py" />
   <source>Nothing of the raster lies in this extent; zoom to the layer or choose another.</source>
   <translation>Rien du raster ne se trouve dans cette emprise ; zoomez sur la couche ou choisissez une autre emprise.</translation>
  </message>
  <message>
   <location filename="../layers/mosaic.py" />
   <source>The parts of the extent were answered on different grids; give a ground resolution.</source>
   <translation>Les parties de l'emprise ont été traitées sur des grilles différentes ; indiquez une résolution au sol.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>left of</source>
   <translation>à gauche de</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>right of</source>
   <translation>à droite de</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>above</source>
   <translation>au-dessus de</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>below</source>
   <translation>au-dessous de</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>within</source>
   <translation>à moins de</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>touching</source>
   <translation>au contact de</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>inside</source>
   <translation>à l'intérieur de</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>left of {layer}</source>
   <translation>à gauche de {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>right of {layer}</source>
   <translation>à droite de {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>above {layer}</source>
   <translation>au-dessus de {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>below {layer}</source>
   <translation>au-dessous de {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>within {distance} m of {layer}</source>
   <translation>à moins de {distance} m de {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>touching {layer}</source>
   <translation>au contact de {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>inside {layer}</source>
   <translation>à l'intérieur de {layer}</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>The layer “{name}” has no geometries; choose another for the relation.</source>
   <translation>La couche « {name} » n'a pas de géométries ; choisissez-en une autre pour la relation.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>Nothing can be inside of “{name}”, which has no polygons; choose “touching” or “within”, or a polygon layer.</source>
   <translation>Rien ne peut être à l'intérieur de « {name} », qui n'a pas de polygones ; choisissez « au contact de » ou « à moins de », ou une couche de polygones.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>“{name}” and the raster cannot be brought into one CRS; reproject the layer or choose another.</source>
   <translation>« {name} » et le raster ne peuvent être ramenés à un même SCR ; reprojetez la couche ou choisissez-en une autre.</translation>
  </message>
  <message>
   <location filename="../layers/relations.py" />
   <source>“{name}” has no features near the extent; choose another layer.</source>
   <translation>« {name} » n'a pas d'entités près de l'emprise ; choisissez une autre couche.</translation>
  </message>
  <message>
   <location filename="../layers/result.py" />
   <source>Polygons for “{phrase}” in “{layer}”, found by {model}.</source>
   <translation>Polygones pour « {phrase} » dans « {layer} », trouvés par {model}.</translation>
  </message>
  <message>
   <location filename="../layers/result.py" />
   <source>The engine answered a geometry of the kind “{kind}”; update the plugin.</source>
   <translation>Le moteur a répondu par une géométrie de type « {kind} » ; mettez à jour l'extension.</translation>
  </message>
  <message>
   <location filename="../layers/scratch.py" />
   <source>The extent takes {needed} GB on the disk while it is worked at, and {folder} has {free} GB free; choose a smaller extent or a coarser ground resolution, or free some room.</source>
   <translation>L'emprise demande {needed} Go sur le disque pendant le travail, et {folder} a {free} Go libres ; choisissez une emprise plus petite ou une résolution au sol plus grossière, ou libérez de la place.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer was read already; start again.</source>
   <translation>La couche a déjà été lue ; recommencez.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” cannot be read; check that its source is there.</source>
   <translation>La couche « {name} » n'est pas lisible ; vérifiez que sa source existe.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” has no extent; set it in the layer's properties.</source>
   <translation>La couche « {name} » n'a pas d'emprise ; définissez-la dans les propriétés de la couche.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” has no style to draw it; reset its style.</source>
   <translation>La couche « {name} » n'a pas de style pour la dessiner ; réinitialisez son style.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The extent cannot be expressed in the CRS of “{name}” ({crs}); zoom to the layer or choose another extent.</source>
   <translation>L'emprise ne peut être exprimée dans le SCR de « {name} » ({crs}) ; zoomez sur la couche ou choisissez une autre emprise.</translation>
  </message>
  <message>
   <location filename="../layers/snapshot.py" />
   <source>The layer “{name}” cannot be drawn apart from the map.</source>
   <translation>La couche « {name} » ne peut être dessinée hors de la carte.</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>RSRefSeg panel</source>
   <translation>Panneau RSRefSeg</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>Find things in a raster by saying what they are</source>
   <translation>Trouver des choses dans un raster en disant ce qu'elles sont</translation>
  </message>
  <message>
   <location filename="../plugin.py" />
   <source>There is no result to export; ask for something first.</source>
   <translation>Il n'y a pas de résultat à exporter ; cherchez d'abord quelque chose.</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>Minimum area [m²]</source>
   <translation>Surface minimale [m²]</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>Simplification [m]</source>
   <translation>Simplification [m]</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>Only inside the polygons of</source>
   <translation>Seulement à l'intérieur des polygones de</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>phrase,find,outline</source>
   <translation>description,trouver,contour</translation>
  </message>
  <message>
   <location filename="../processing/base.py" />
   <source>The raster “{name}” cannot be read; check its path.</source>
   <translation>Le raster « {name} » n'est pas lisible ; vérifiez son chemin.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Encode ahead</source>
   <translation>Encoder à l'avance</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Has the engine look at a raster now, so that phrases are answered faster later.</source>
   <translation>Fait examiner un raster par le moteur dès maintenant, pour que les descriptions reçoivent plus tard une réponse plus rapide.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>&lt;p&gt;Looking at pixels takes most of the time of a request, and does not depend on the phrase. This does it ahead, for instance over night, and keeps what was seen in the engine's cache on the disk.&lt;/p&gt;&lt;p&gt;It serves later runs of the algorithms and the panel on the &lt;b&gt;same layer, style, extent and ground resolution&lt;/b&gt;, also after QGIS was closed. On extents that take several views of the model, other extents of the layer that share views gain too.&lt;/p&gt;&lt;p&gt;When the layer takes more room than the disk cache has, what was seen first goes first; its size is set in the plugin's settings.&lt;/p&gt;</source>
   <translation>&lt;p&gt;L'examen des pixels prend l'essentiel du temps d'une requête et ne dépend pas de la description. Cet algorithme le fait à l'avance, par exemple la nuit, et garde ce qui a été vu dans le cache disque du moteur.&lt;/p&gt;&lt;p&gt;Cela sert aux exécutions suivantes des algorithmes et du panneau sur &lt;b&gt;la même couche, le même style, la même emprise et la même résolution au sol&lt;/b&gt;, même après la fermeture de QGIS. Sur les emprises qui demandent plusieurs vues au modèle, d'autres emprises de la couche qui partagent des vues y gagnent aussi.&lt;/p&gt;&lt;p&gt;Quand la couche prend plus de place que le cache disque n'en a, ce qui a été vu en premier part en premier ; sa taille se règle dans les paramètres de l'extension.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Ground resolution [m]</source>
   <translation>Résolution au sol [m]</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views that were looked at</source>
   <translation>Vues examinées</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views in the disk cache</source>
   <translation>Vues dans le cache disque</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Disk cache in use [MB]</source>
   <translation>Cache disque utilisé [Mo]</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The run was not prepared; start it again.</source>
   <translation>L'exécution n'a pas été préparée ; relancez-la.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The engine keeps nothing on the disk, so this lasts until it ends; give it a disk cache in the plugin's settings.</source>
   <translation>Le moteur ne garde rien sur le disque, cela ne dure donc que jusqu'à son arrêt ; donnez-lui un cache disque dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The disk cache is full, so some of the layer may have been let go of; make it larger in the plugin's settings, or take a smaller extent.</source>
   <translation>Le cache disque est plein, une partie de la couche a donc pu être abandonnée ; agrandissez-le dans les paramètres de l'extension, ou prenez une emprise plus petite.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>Views that were looked at: {count}.</source>
   <translation>Vues examinées : {count}.</translation>
  </message>
  <message>
   <location filename="../processing/encode_ahead.py" />
   <source>The disk cache holds {count} views, {used} MB of {budget} MB.</source>
   <translation>Le cache disque contient {count} vues, {used} Mo sur {budget} Mo.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Evaluate against a reference layer</source>
   <translation>Évaluer par rapport à une couche de référence</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Says how well found polygons agree with those of a reference layer.</source>
   <translation>Dit à quel point les polygones trouvés concordent avec ceux d'une couche de référence.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>&lt;p&gt;Holds found polygons against a reference. Objects are matched one to one, the best overlap first; a pair counts from an intersection over union (IoU) of 0.5. Areas are measured on the ellipsoid.&lt;/p&gt;&lt;p&gt;&lt;b&gt;IoU&lt;/b&gt;: shared area over the area of both layers.&lt;br&gt;&lt;b&gt;Precision&lt;/b&gt;, &lt;b&gt;recall&lt;/b&gt;, &lt;b&gt;F1&lt;/b&gt;: by matched objects.&lt;br&gt;&lt;b&gt;Mean IoU&lt;/b&gt; and &lt;b&gt;Pr@0.5&lt;/b&gt;: over the phrases that the reference has; Pr@0.5 is the share of them with an IoU above 0.5. Without phrase fields, all of it counts as one phrase.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Phrase fields&lt;/b&gt;: give both to tell phrases apart; texts must be the same up to upper and lower case.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: where the reference is complete; both layers are cut there.&lt;/p&gt;&lt;p&gt;The result has each polygon with what became of it: &lt;i&gt;true positive&lt;/i&gt;, &lt;i&gt;false positive&lt;/i&gt; or &lt;i&gt;miss&lt;/i&gt;. The report is a JSON file with the figures of each phrase. Figures that would divide by nothing are left empty.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Compare les polygones trouvés à une référence. Les objets sont appariés un à un, le meilleur recouvrement d'abord ; une paire compte à partir d'une intersection sur union (IoU) de 0,5. Les surfaces sont mesurées sur l'ellipsoïde.&lt;/p&gt;&lt;p&gt;&lt;b&gt;IoU&lt;/b&gt; : surface commune sur la surface des deux couches.&lt;br&gt;&lt;b&gt;Précision&lt;/b&gt;, &lt;b&gt;rappel&lt;/b&gt;, &lt;b&gt;F1&lt;/b&gt; : selon les objets appariés.&lt;br&gt;&lt;b&gt;IoU moyenne&lt;/b&gt; et &lt;b&gt;Pr@0.5&lt;/b&gt; : sur les descriptions de la référence ; Pr@0.5 est la part de celles dont l'IoU dépasse 0,5. Sans champs de description, le tout compte comme une seule description.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Champs de description&lt;/b&gt; : indiquez les deux pour distinguer les descriptions ; les textes doivent être identiques, à la casse près.&lt;br&gt;&lt;b&gt;Seulement à l'intérieur des polygones de&lt;/b&gt; : là où la référence est complète ; les deux couches y sont découpées.&lt;/p&gt;&lt;p&gt;Le résultat contient chaque polygone avec son verdict : &lt;i&gt;true positive&lt;/i&gt; (trouvé à raison), &lt;i&gt;false positive&lt;/i&gt; (trouvé à tort) ou &lt;i&gt;miss&lt;/i&gt; (manqué). Le rapport est un fichier JSON avec les chiffres de chaque description. Les chiffres qui demanderaient une division par zéro restent vides.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>nothing to divide by</source>
   <translation>rien par quoi diviser</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Evaluation</source>
   <translation>Évaluation</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Found polygons</source>
   <translation>Polygones trouvés</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Reference polygons</source>
   <translation>Polygones de référence</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Phrase field of the found polygons</source>
   <translation>Champ de description des polygones trouvés</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Phrase field of the reference</source>
   <translation>Champ de description de la référence</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Verdicts</source>
   <translation>Verdicts</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Report</source>
   <translation>Rapport</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>JSON files (*.json)</source>
   <translation>Fichiers JSON (*.json)</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Give the phrase field of both layers, or of none.</source>
   <translation>Indiquez le champ de description des deux couches, ou d'aucune.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>found and there</source>
   <translation>trouvé et présent</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>found and not there</source>
   <translation>trouvé mais absent</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>there and not found</source>
   <translation>présent mais pas trouvé</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>A layer cannot be read; check that its source is there.</source>
   <translation>Une couche n'est pas lisible ; vérifiez que sa source existe.</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>IoU</source>
   <translation>IoU</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Precision at IoU 0.5</source>
   <translation>Précision à IoU 0,5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Recall at IoU 0.5</source>
   <translation>Rappel à IoU 0,5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>F1 at IoU 0.5</source>
   <translation>F1 à IoU 0,5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Mean IoU of the phrases</source>
   <translation>IoU moyenne des descriptions</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Pr@0.5</source>
   <translation>Pr@0.5</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>True positives</source>
   <translation>Vrais positifs</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>False positives</source>
   <translation>Faux positifs</translation>
  </message>
  <message>
   <location filename="../processing/evaluate_layer.py" />
   <source>Misses</source>
   <translation>Manqués</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Export training samples</source>
   <translation>Exporter des exemples d'apprentissage</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Makes training samples of a raster and polygons with a field of phrases.</source>
   <translation>Crée des exemples d'apprentissage à partir d'un raster et de polygones qui ont un champ de descriptions.</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>&lt;p&gt;Cuts a raster into chips and writes, for each phrase that polygons on a chip answer, a mask: PNG files, and a file &lt;i&gt;cases.jsonl&lt;/i&gt; that &lt;code&gt;rsrefseg train&lt;/code&gt; and &lt;code&gt;rsrefseg evaluate&lt;/code&gt; read.&lt;/p&gt;&lt;p&gt;All polygons of a phrase that lie on a chip answer it together, so a phrase such as &lt;i&gt;all buildings&lt;/i&gt; needs all of them drawn. Chips without polygons are left out.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Kind&lt;/b&gt;: what the phrases ask for, by which figures are reported: from a field, or one for all. With &lt;i&gt;class&lt;/i&gt;, &lt;i&gt;colour&lt;/i&gt; or &lt;i&gt;material&lt;/i&gt;, training may turn and cut the pictures; leave it for phrases with left, right or largest.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel of the chips; the raster's own pixels by default.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Découpe un raster en vignettes et écrit, pour chaque description à laquelle répondent des polygones d'une vignette, un masque : des fichiers PNG et un fichier &lt;i&gt;cases.jsonl&lt;/i&gt; que lisent &lt;code&gt;rsrefseg train&lt;/code&gt; et &lt;code&gt;rsrefseg evaluate&lt;/code&gt;.&lt;/p&gt;&lt;p&gt;Tous les polygones d'une description situés sur une vignette y répondent ensemble ; une description comme &lt;i&gt;all buildings&lt;/i&gt; demande donc qu'ils soient tous dessinés. Les vignettes sans polygones sont laissées de côté.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Genre&lt;/b&gt; : ce que demandent les descriptions, selon quoi les chiffres sont présentés : d'après un champ, ou un seul pour toutes. Avec &lt;i&gt;class&lt;/i&gt;, &lt;i&gt;colour&lt;/i&gt; ou &lt;i&gt;material&lt;/i&gt;, l'apprentissage peut tourner et découper les images ; évitez-les pour les descriptions avec left, right ou largest.&lt;br&gt;&lt;b&gt;Résolution au sol&lt;/b&gt; : mètres par pixel des vignettes ; par défaut les pixels du raster.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Labelled polygons</source>
   <translation>Polygones étiquetés</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Field with the phrases</source>
   <translation>Champ des descriptions</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Field with the kinds</source>
   <translation>Champ des genres</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Kind without a field</source>
   <translation>Genre sans champ</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Side of a chip [pixels]</source>
   <translation>Côté d'une vignette [pixels]</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Folder</source>
   <translation>Dossier</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Cases file</source>
   <translation>Fichier des cas</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Number of chips</source>
   <translation>Nombre de vignettes</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>Number of cases</source>
   <translation>Nombre de cas</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>The labelled polygons cannot be read; check their layer.</source>
   <translation>Les polygones étiquetés ne sont pas lisibles ; vérifiez leur couche.</translation>
  </message>
  <message>
   <location filename="../processing/export_samples.py" />
   <source>{cases} cases on {chips} chips: {path}</source>
   <translation>{cases} cas sur {chips} vignettes : {path}</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Probability raster for a phrase</source>
   <translation>Raster de probabilité d'une description</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Says for each place of a raster how likely a phrase is true there.</source>
   <translation>Dit pour chaque endroit d'un raster avec quelle probabilité une description y est vraie.</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>&lt;p&gt;Says for each place of a raster how likely a phrase such as &lt;i&gt;water&lt;/i&gt; is true there, from 0 to 1: for thresholds of your own, for combining with other rasters, or to see why something was found or missed.&lt;/p&gt;&lt;p&gt;The result is a GeoTIFF of one band (32-bit float, NaN where the raster has no data) in the raster's CRS. The extent may be of any size; there are no seams.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Phrase&lt;/b&gt;: one phrase.&lt;br&gt;&lt;b&gt;Extent&lt;/b&gt;: what part of the layer is looked at; all of it by default.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel at which the model looks; by default it chooses what suits it.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Dit pour chaque endroit d'un raster avec quelle probabilité une description comme &lt;i&gt;water&lt;/i&gt; y est vraie, de 0 à 1 : pour vos propres seuils, pour la combinaison avec d'autres rasters, ou pour voir pourquoi quelque chose a été trouvé ou manqué.&lt;/p&gt;&lt;p&gt;Le résultat est un GeoTIFF à une bande (flottants de 32 bits, NaN là où le raster n'a pas de données) dans le SCR du raster. L'emprise peut avoir n'importe quelle taille ; il n'y a pas de raccords visibles.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Description&lt;/b&gt; : une seule.&lt;br&gt;&lt;b&gt;Emprise&lt;/b&gt; : la partie de la couche qui est examinée ; par défaut toute la couche.&lt;br&gt;&lt;b&gt;Résolution au sol&lt;/b&gt; : mètres par pixel auxquels le modèle regarde ; par défaut il choisit ce qui lui convient.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Probability</source>
   <translation>Probabilité</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>{phrase} (probability)</source>
   <translation>{phrase} (probabilité)</translation>
  </message>
  <message>
   <location filename="../processing/probability_raster.py" />
   <source>Give one phrase; several take one run each.</source>
   <translation>Indiquez une seule description ; plusieurs demandent une exécution chacune.</translation>
  </message>
  <message>
   <location filename="../processing/provider.py" />
   <source>RSRefSeg: find things in rasters by phrase</source>
   <translation>RSRefSeg : trouver des choses dans des rasters par description</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Regularise polygons</source>
   <translation>Régulariser des polygones</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Gives outlines of buildings straight sides and right angles.</source>
   <translation>Donne aux contours de bâtiments des côtés droits et des angles droits.</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>&lt;p&gt;Gives outlines that nearly have right angles, as those of buildings, straight sides and right angles along their main direction. What does not look built in right angles is only simplified; what would change too much is left as it was. The result is always valid; all fields are kept, and a field &lt;i&gt;area_m2&lt;/i&gt; is measured anew.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Tolerance&lt;/b&gt;: how far an outline may move, in metres on the ground (in map units for a layer without a CRS); sides shorter than that go.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Donne aux contours presque à angles droits, comme ceux de bâtiments, des côtés droits et des angles droits selon leur direction principale. Ce qui ne paraît pas bâti à angles droits est seulement simplifié ; ce qui changerait trop reste tel quel. Le résultat est toujours valide ; tous les champs sont conservés, et un champ &lt;i&gt;area_m2&lt;/i&gt; est mesuré à nouveau.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Tolérance&lt;/b&gt; : de combien un contour peut se déplacer, en mètres au sol (en unités de carte pour une couche sans SCR) ; les côtés plus courts disparaissent.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Tolerance [m]</source>
   <translation>Tolérance [m]</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Polygons</source>
   <translation>Polygones</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Regularised</source>
   <translation>Régularisés</translation>
  </message>
  <message>
   <location filename="../processing/regularise_polygons.py" />
   <source>Number of polygons</source>
   <translation>Nombre de polygones</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Segment by phrase</source>
   <translation>Segmenter par description</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Finds what a phrase says in a raster and gives its outlines as polygons.</source>
   <translation>Trouve dans un raster ce que dit une description et donne les contours en polygones.</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>&lt;p&gt;Finds what a phrase says, such as &lt;i&gt;the red-roofed building left of the road&lt;/i&gt; or &lt;i&gt;all buildings&lt;/i&gt;, in a raster layer, and gives a polygon layer in the raster's CRS with score, area (m², on the ellipsoid) and provenance. Several phrases are separated by semicolons.&lt;/p&gt;&lt;p&gt;The layer is looked at as it is drawn on the map: bands, stretch and colours of its style count. Any raster that QGIS can draw will do, map services too.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Extent&lt;/b&gt;: what part of the layer is looked at; all of it by default, however large it is.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: what is found is cut at their outlines; selected features only, if you say so.&lt;br&gt;&lt;b&gt;Ground resolution&lt;/b&gt;: metres per pixel at which the model looks; by default it chooses what suits it.&lt;br&gt;&lt;b&gt;Threshold&lt;/b&gt;: probability from which a pixel counts.&lt;br&gt;&lt;b&gt;Minimum area&lt;/b&gt; and &lt;b&gt;Simplification&lt;/b&gt;: smaller polygons are left out, outlines are made simpler within the tolerance.&lt;br&gt;&lt;b&gt;Right angles&lt;/b&gt;: corners are made square, as those of buildings are.&lt;br&gt;&lt;b&gt;Best guess where nothing matches&lt;/b&gt;: gives also what the model takes for no match.&lt;br&gt;&lt;b&gt;Only what is&lt;/b&gt;: keeps what lies so to the nearest feature of a layer of yours; left is west and above is north.&lt;br&gt;&lt;b&gt;Points&lt;/b&gt; and &lt;b&gt;box&lt;/b&gt;: point at what is meant, as clicks in the panel do; points are WKT, such as &lt;code&gt;CRS=EPSG:32633;MultiPoint((500000 5200000))&lt;/code&gt;, in the raster's CRS when they name none.&lt;/p&gt;&lt;p&gt;The engine starts on first use and is shared with the RSRefSeg panel. Nothing leaves this machine, unless the settings name an engine elsewhere.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Trouve ce que dit une description, comme &lt;i&gt;the red-roofed building left of the road&lt;/i&gt; ou &lt;i&gt;all buildings&lt;/i&gt;, dans une couche raster, et donne une couche de polygones dans le SCR du raster avec score, surface (m², sur l'ellipsoïde) et provenance. Plusieurs descriptions se séparent par des points-virgules. Le modèle fourni comprend l'anglais.&lt;/p&gt;&lt;p&gt;La couche est examinée telle qu'elle est dessinée sur la carte : bandes, étirement et couleurs de son style comptent. Tout raster que QGIS sait dessiner convient, les services de cartes aussi.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Emprise&lt;/b&gt; : la partie de la couche qui est examinée ; par défaut toute la couche, si grande soit-elle.&lt;br&gt;&lt;b&gt;Seulement à l'intérieur des polygones de&lt;/b&gt; : ce qui est trouvé est découpé à leurs contours ; seulement les entités sélectionnées, si vous le demandez.&lt;br&gt;&lt;b&gt;Résolution au sol&lt;/b&gt; : mètres par pixel auxquels le modèle regarde ; par défaut il choisit ce qui lui convient.&lt;br&gt;&lt;b&gt;Seuil&lt;/b&gt; : probabilité à partir de laquelle un pixel compte.&lt;br&gt;&lt;b&gt;Surface minimale&lt;/b&gt; et &lt;b&gt;simplification&lt;/b&gt; : les polygones plus petits sont écartés, les contours sont simplifiés dans la tolérance.&lt;br&gt;&lt;b&gt;Angles droits&lt;/b&gt; : les angles deviennent droits, comme ceux des bâtiments.&lt;br&gt;&lt;b&gt;Meilleure hypothèse là où rien ne correspond&lt;/b&gt; : donne aussi ce que le modèle ne prend pas pour une correspondance.&lt;br&gt;&lt;b&gt;Seulement ce qui est&lt;/b&gt; : garde ce qui est ainsi situé par rapport à l'entité la plus proche de l'une de vos couches ; la gauche est l'ouest, le dessus est le nord.&lt;br&gt;&lt;b&gt;Points&lt;/b&gt; et &lt;b&gt;cadre&lt;/b&gt; : désignent ce qui est visé, comme les clics dans le panneau ; les points sont en WKT, par exemple &lt;code&gt;CRS=EPSG:32633;MultiPoint((500000 5200000))&lt;/code&gt;, et dans le SCR du raster s'ils n'en nomment pas.&lt;/p&gt;&lt;p&gt;Le moteur démarre à la première utilisation et est partagé avec le panneau RSRefSeg. Rien ne quitte cet ordinateur, sauf si les paramètres désignent un moteur distant.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>Best guess where nothing matches</source>
   <translation>Meilleure hypothèse là où rien ne correspond</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>The phrase is empty; say what to look for.</source>
   <translation>La description est vide ; dites ce qu'il faut chercher.</translation>
  </message>
  <message>
   <location filename="../processing/segment_by_phrase.py" />
   <source>The style is not kept in the file: {why}</source>
   <translation>Le style n'est pas conservé dans le fichier : {why}</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Segment many rasters by many phrases</source>
   <translation>Segmenter plusieurs rasters par plusieurs descriptions</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Finds what phrases say in each of many rasters, into one GeoPackage.</source>
   <translation>Trouve dans chacun de plusieurs rasters ce que disent des descriptions, dans un seul GeoPackage.</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>&lt;p&gt;Looks for each phrase in each raster and writes all polygons into one GeoPackage, with score, area, source and provenance, and with the layers' styles.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Rasters&lt;/b&gt;: layers of the project, as they are drawn, or files; and all those in a &lt;b&gt;folder&lt;/b&gt; (not of folders in it). Each may be of any size. One that cannot be used is named and left out.&lt;br&gt;&lt;b&gt;Phrases&lt;/b&gt;: one on each line, or separated by semicolons; and those in a &lt;b&gt;field&lt;/b&gt; of a layer or table.&lt;br&gt;&lt;b&gt;Only inside the polygons of&lt;/b&gt;: what is found is cut at their outlines; rasters that they do not reach are left out.&lt;br&gt;&lt;b&gt;CRS&lt;/b&gt;: of the polygons; that of the first raster by default.&lt;br&gt;&lt;b&gt;Layers&lt;/b&gt;: one for all, coloured by its field “phrase”, or one for each phrase.&lt;/p&gt;</source>
   <translation>&lt;p&gt;Cherche chaque description dans chaque raster et écrit tous les polygones dans un GeoPackage, avec score, surface, source et provenance, et avec les styles des couches.&lt;/p&gt;&lt;p&gt;&lt;b&gt;Rasters&lt;/b&gt; : des couches du projet, telles qu'elles sont dessinées, ou des fichiers ; et tous ceux d'un &lt;b&gt;dossier&lt;/b&gt; (sans ses sous-dossiers). Chacun peut avoir n'importe quelle taille. Celui qui n'est pas utilisable est nommé et laissé de côté.&lt;br&gt;&lt;b&gt;Descriptions&lt;/b&gt; : une par ligne, ou séparées par des points-virgules ; et celles d'un &lt;b&gt;champ&lt;/b&gt; d'une couche ou d'une table.&lt;br&gt;&lt;b&gt;Seulement à l'intérieur des polygones de&lt;/b&gt; : ce qui est trouvé est découpé à leurs contours ; les rasters qu'ils n'atteignent pas sont laissés de côté.&lt;br&gt;&lt;b&gt;SCR&lt;/b&gt; : celui des polygones ; par défaut celui du premier raster.&lt;br&gt;&lt;b&gt;Couches&lt;/b&gt; : une pour toutes, colorée d'après son champ « phrase », ou une par description.&lt;/p&gt;</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>One for all phrases</source>
   <translation>Une pour toutes les descriptions</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>One for each phrase</source>
   <translation>Une par description</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>CRS</source>
   <translation>SCR</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Layers</source>
   <translation>Couches</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Open the layers afterwards</source>
   <translation>Ouvrir ensuite les couches</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>GeoPackage</source>
   <translation>GeoPackage</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>GeoPackage files (*.gpkg)</source>
   <translation>Fichiers GeoPackage (*.gpkg)</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters looked at</source>
   <translation>Rasters examinés</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters left out</source>
   <translation>Rasters laissés de côté</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Rasters</source>
   <translation>Rasters</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Folder of rasters</source>
   <translation>Dossier de rasters</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Phrases</source>
   <translation>Descriptions</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Layer or table with phrases</source>
   <translation>Couche ou table de descriptions</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>There is no phrase; type some, or choose a layer with a field of phrases.</source>
   <translation>Il n'y a pas de description ; saisissez-en, ou choisissez une couche qui a un champ de descriptions.</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>Say which field of the layer holds the phrases.</source>
   <translation>Indiquez quel champ de la couche contient les descriptions.</translation>
  </message>
  <message>
   <location filename="../processing/segment_many.py" />
   <source>“{phrase}”: {count} polygons</source>
   <translation>« {phrase} » : {count} polygones</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Distance for “within” [m]</source>
   <translation>Distance pour « à moins de » [m]</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Points inside the target</source>
   <translation>Points dans la cible</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Points outside the target</source>
   <translation>Points hors de la cible</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Box around the target</source>
   <translation>Cadre autour de la cible</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Only what is</source>
   <translation>Seulement ce qui est</translation>
  </message>
  <message>
   <location filename="../processing/targets.py" />
   <source>Layer that this is about</source>
   <translation>Couche à laquelle cela se rapporte</translation>
  </message>
  <message>
   <location filename="../settings.py" />
   <source>The setting {key} cannot be “{value}”; allowed: {allowed}.</source>
   <translation>Le paramètre {key} ne peut pas valoir « {value} » ; valeurs permises : {allowed}.</translation>
  </message>
  <message>
   <location filename="../tasks/ahead.py" />
   <source>Prepare the view</source>
   <translation>Préparer la vue</translation>
  </message>
  <message>
   <location filename="../tasks/base.py" />
   <source>Something unexpected went wrong ({kind}: {why}); try again, and report it with the message log if it stays.</source>
   <translation>Une erreur inattendue s'est produite ({kind} : {why}) ; réessayez, et signalez-la avec le journal des messages si elle persiste.</translation>
  </message>
  <message>
   <location filename="../tasks/calls.py" />
   <source>The engine ended unexpectedly; it starts anew and tries again…</source>
   <translation>Le moteur s'est arrêté de façon inattendue ; il redémarre et réessaie…</translation>
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>Starting the engine…</source>
   <translation>Démarrage du moteur…</translation>
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>The extent's pixels are more than an engine elsewhere takes at once; choose a smaller extent or a coarser ground resolution, or use the engine on this machine.</source>
   <translation>Les pixels de l'emprise dépassent ce qu'un moteur distant accepte en une fois ; choisissez une emprise plus petite ou une résolution au sol plus grossière, ou utilisez le moteur de cet ordinateur.</translation>
  </message>
  <message>
   <location filename="../tasks/delivery.py" />
   <source>The extent has {count} million pixels, and an engine elsewhere takes {limit} million at once; choose a smaller extent or a coarser ground resolution, or use the engine on this machine.</source>
   <translation>L'emprise a {count} millions de pixels, et un moteur distant en accepte {limit} millions en une fois ; choisissez une emprise plus petite ou une résolution au sol plus grossière, ou utilisez le moteur de cet ordinateur.</translation>
  </message>
  <message>
   <location filename="../tasks/encode.py" />
   <source>Encoding…</source>
   <translation>Encodage…</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>An NVIDIA or AMD GPU is available to torch.</source>
   <translation>Un GPU NVIDIA ou AMD est disponible pour PyTorch.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Apple's GPU is available to torch.</source>
   <translation>Le GPU d'Apple est disponible pour PyTorch.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>The installed torch is a build for the CPU, so no GPU is looked for.</source>
   <translation>Le PyTorch installé est fait pour le processeur, aucun GPU n'est donc recherché.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Torch finds no GPU: either there is none, or its driver does not fit this torch.</source>
   <translation>PyTorch ne trouve pas de GPU : soit il n'y en a pas, soit son pilote ne convient pas à ce PyTorch.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>It was asked for.</source>
   <translation>C'est ce qui est demandé.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Looking at the extent.</source>
   <translation>Examen de l'emprise.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Drawing the polygons.</source>
   <translation>Dessin des polygones.</translation>
  </message>
  <message>
   <location filename="../tasks/engine_words.py" />
   <source>Done.</source>
   <translation>Terminé.</translation>
  </message>
  <message>
   <location filename="../tasks/evaluate.py" />
   <source>Comparing…</source>
   <translation>Comparaison…</translation>
  </message>
  <message>
   <location filename="../tasks/export.py" />
   <source>Write {name}</source>
   <translation>Écrire {name}</translation>
  </message>
  <message>
   <location filename="../tasks/export.py" />
   <source>Writing “{table}”…</source>
   <translation>Écriture de « {table} »…</translation>
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>Draw where the model looked</source>
   <translation>Dessiner où le modèle a regardé</translation>
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>The engine no longer has this answer; press “Segment” to ask again.</source>
   <translation>Le moteur n'a plus cette réponse ; cliquez sur « Segmenter » pour relancer la recherche.</translation>
  </message>
  <message>
   <location filename="../tasks/heat.py" />
   <source>{path} cannot be written ({why}); free some room or choose another folder.</source>
   <translation>Impossible d'écrire {path} ({why}) ; libérez de la place ou choisissez un autre dossier.</translation>
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Install the engine</source>
   <translation>Installer le moteur</translation>
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Look at what the engine needs</source>
   <translation>Voir ce dont le moteur a besoin</translation>
  </message>
  <message>
   <location filename="../tasks/install.py" />
   <source>Remove the engine</source>
   <translation>Supprimer le moteur</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>it cannot be read; check the file.</source>
   <translation>il n'est pas lisible ; vérifiez le fichier.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>There is no raster; choose some, or a folder of them.</source>
   <translation>Il n'y a pas de raster ; choisissez-en, ou un dossier de rasters.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>it has no CRS while others have one; set its CRS in the layer's properties.</source>
   <translation>il n'a pas de SCR alors que d'autres en ont un ; définissez-le dans les propriétés de la couche.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>There is no raster in {folder}; choose another folder.</source>
   <translation>Il n'y a pas de raster dans {folder} ; choisissez un autre dossier.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>The folder {folder} cannot be read; choose another.</source>
   <translation>Le dossier {folder} n'est pas lisible ; choisissez-en un autre.</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>“{name}” is left out: {why}</source>
   <translation>« {name} » est laissé de côté : {why}</translation>
  </message>
  <message>
   <location filename="../tasks/many.py" />
   <source>its polygons cannot be expressed in {crs}; choose another CRS.</source>
   <translation>ses polygones ne peuvent être exprimés en {crs} ; choisissez un autre SCR.</translation>
  </message>
  <message>
   <location filename="../tasks/regularise.py" />
   <source>Straightening…</source>
   <translation>Régularisation…</translation>
  </message>
  <message>
   <location filename="../tasks/reshape.py" />
   <source>Draw the outlines again</source>
   <translation>Redessiner les contours</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>Writing chips…</source>
   <translation>Écriture des vignettes…</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>No polygon with a phrase lies on the raster; check the layers' CRS and field.</source>
   <translation>Aucun polygone ayant une description n'est sur le raster ; vérifiez le SCR et le champ des couches.</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>“{name}” has no pixels of its own; give a ground resolution.</source>
   <translation>« {name} » n'a pas de pixels propres ; indiquez une résolution au sol.</translation>
  </message>
  <message>
   <location filename="../tasks/samples.py" />
   <source>{path} is there already; choose another folder.</source>
   <translation>{path} existe déjà ; choisissez un autre dossier.</translation>
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>Reading the layer…</source>
   <translation>Lecture de la couche…</translation>
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>The engine does not say what model it has; repair it in the plugin's settings.</source>
   <translation>Le moteur ne dit pas quel modèle il a ; réparez-le dans les paramètres de l'extension.</translation>
  </message>
  <message>
   <location filename="../tasks/scene.py" />
   <source>Loading the model…</source>
   <translation>Chargement du modèle…</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Drawing the result…</source>
   <translation>Dessin du résultat…</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Find “{phrase}”</source>
   <translation>Chercher « {phrase} »</translation>
  </message>
  <message>
   <location filename="../tasks/segment.py" />
   <source>Looking for “{phrase}”…</source>
   <translation>Recherche de « {phrase} »…</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Nothing here matches “{phrase}” well enough (likelihood of a match: {percent}%).</source>
   <translation>Rien ici ne correspond assez bien à « {phrase} » (probabilité d'une correspondance : {percent} %).</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Nothing here matches “{phrase}” (likelihood of a match: {percent}%).</source>
   <translation>Rien ici ne correspond à « {phrase} » (probabilité d'une correspondance : {percent} %).</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>1 polygon</source>
   <translation>1 polygone</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>“{phrase}”: {what}</source>
   <translation>« {phrase} » : {what}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{words} are not in this model's vocabulary.</source>
   <translation>{words} ne sont pas dans le vocabulaire de ce modèle.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>score {score}</source>
   <translation>score {score}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Best guess for {text}</source>
   <translation>Meilleure hypothèse pour {text}</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>None of {count} polygons for “{phrase}” lies as asked to “{layer}”.</source>
   <translation>Aucun des {count} polygones pour « {phrase} » n'est situé comme demandé par rapport à « {layer} ».</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>Nothing here matches “{phrase}”.</source>
   <translation>Rien ici ne correspond à « {phrase} ».</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{word} is not in this model's vocabulary.</source>
   <translation>{word} n'est pas dans le vocabulaire de ce modèle.</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{count} polygons</source>
   <translation>{count} polygones</translation>
  </message>
  <message>
   <location filename="../tasks/sentences.py" />
   <source>{count} left out</source>
   <translation>{count} écartés</translation>
  </message>
  <message>
   <location filename="../tasks/thumbnails.py" />
   <source>Draw the candidates' pictures</source>
   <translation>Dessiner les images des candidats</translation>
  </message>
 </context>
</TS>
